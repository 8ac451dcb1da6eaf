package main

import (
	"cmp"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// openstackCA is the certificates of the cloud's own authority, "" if the login
// names none. gophercloud reads the same file, but keeps no more than a pool that
// nothing can be read from.
func (c config) openstackCA() (string, error) {
	file := ""
	switch {
	case !c.namesNoOpenstack():
		file = cloudsCA(cmp.Or(c.Openstack, os.Getenv("OS_CLOUD")))
	case c.Identity == identityKeystone:
		file = c.Keystone.CAFile
		if file == "" && c.Keystone.Cloud != "" {
			file = cloudsCA(c.Keystone.Cloud)
		}
	}
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", badConfig("openstack_cloud", "The file %s, with the authority of the cloud's certificates, cannot be read.", file).
			WithRemedy("Check its path and permissions.").Wrap(err)
	}
	return string(text), nil
}

// cloudsCA is the file that an entry of clouds.yaml, or OS_CACERT, names.
func cloudsCA(cloud string) string {
	if file := os.Getenv("OS_CACERT"); file != "" {
		return file
	}
	places := []string{os.Getenv("OS_CLIENT_CONFIG_FILE")}
	if places[0] == "" {
		home, _ := os.UserConfigDir()
		places = []string{"clouds.yaml", filepath.Join(home, "openstack/clouds.yaml"), "/etc/openstack/clouds.yaml"}
	}
	for _, place := range places {
		text, err := os.ReadFile(place)
		if err != nil {
			continue
		}
		var all struct {
			Clouds map[string]struct {
				CACert string `yaml:"cacert"`
			}
		}
		if yaml.Unmarshal(text, &all) != nil {
			return ""
		}
		file := all.Clouds[cloud].CACert
		if home, err := os.UserHomeDir(); err == nil && len(file) > 1 && file[:2] == "~/" {
			file = filepath.Join(home, file[2:])
		}
		return file
	}
	return ""
}
