package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestLoadConfigReadsTheWholeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	text := `
etcd: /etc/etcd.yaml
apiserver: [--secure-port=6443]
controllerManager: [--kubeconfig=/k, --v=2]
scheduler: [--kubeconfig=/s]
leaderElect: true
virtualAddress: {address: 10.0.0.5, node: 10.0.0.10, kubeconfig: /a}
gcPercent: 70
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := LoadConfig(path)
	want := Config{Etcd: "/etc/etcd.yaml", APIServer: []string{"--secure-port=6443"}, ControllerManager: []string{"--kubeconfig=/k", "--v=2"},
		Scheduler: []string{"--kubeconfig=/s"}, LeaderElect: true, GCPercent: 70,
		VirtualAddress: &VirtualAddress{Address: netip.MustParseAddr("10.0.0.5"), Node: netip.MustParseAddr("10.0.0.10"), Kubeconfig: "/a"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestLoadConfigRefuses(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"an unknown key":              {"etc: x", `unknown field "etc"`},
		"no flags for the API server": {"{}", "apiserver: no flags"},
		"no way to the API server":    {"apiserver: [--v=1]", "controllerManager: no --kubeconfig"},
		"none for the scheduler":      {"{apiserver: [--v=1], controllerManager: [--kubeconfig=x]}", "scheduler: no --kubeconfig"},
		"a virtual address without an own one": {"{apiserver: [--v=1], controllerManager: [--kubeconfig=x], scheduler: [--kubeconfig=x], virtualAddress: {address: 10.0.0.5, kubeconfig: x}}",
			"not two IPv4 addresses"},
		"a negative GC percentage": {"{apiserver: [--v=1], controllerManager: [--kubeconfig=x], scheduler: [--kubeconfig=x], gcPercent: -1}", "negative"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := LoadConfig(path); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
