package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheAuthorityOfTheCloudIsThatOfItsLogin(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	ours, theirs := write("ours.pem", "ours"), write("theirs.pem", "theirs")
	t.Setenv("OS_CLIENT_CONFIG_FILE", write("clouds.yaml", "clouds:\n  one: {cacert: "+ours+"}\n  two: {auth: {}}\n  lost: {cacert: /nowhere}\n"))
	t.Setenv("OS_CLOUD", "")
	t.Setenv("OS_CACERT", "")
	for name, test := range map[string]struct {
		config config
		want   string
	}{
		"of the named cloud":            {config{Openstack: "one"}, "ours"},
		"none":                          {config{Openstack: "two"}, ""},
		"of the login to Keystone":      {config{Identity: identityKeystone, Keystone: keystoneConfig{Cloud: "one"}}, "ours"},
		"of the setting for that login": {config{Identity: identityKeystone, Keystone: keystoneConfig{Cloud: "one", CAFile: theirs}}, "theirs"},
	} {
		if got, err := test.config.openstackCA(); got != test.want || err != nil {
			t.Errorf("%s: got %q (%v), want %q", name, got, err, test.want)
		}
	}
	if _, err := (config{Openstack: "lost"}).openstackCA(); err == nil {
		t.Error("a file that is not there is no error")
	}
	t.Setenv("OS_CACERT", theirs)
	if got, err := (config{Openstack: "one"}).openstackCA(); got != "theirs" || err != nil {
		t.Errorf("the environment: got %q (%v)", got, err)
	}
}
