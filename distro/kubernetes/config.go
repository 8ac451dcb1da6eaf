package main

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

// Config is the file of the controlplane program (YAML or JSON; unknown keys
// are refused). Every list holds a component's own flags, one per entry, with
// the dashes: "--secure-port=6443".
type Config struct {
	// Etcd is the path of etcd's own configuration file, in etcd's own format.
	// Empty: no etcd runs here, and the API server's flags name one elsewhere.
	Etcd string `json:"etcd,omitempty"`
	// APIServer, ControllerManager and Scheduler are flags. The latter two must
	// hold --kubeconfig=PATH, whose server is the API server of this process.
	APIServer         []string `json:"apiserver"`
	ControllerManager []string `json:"controllerManager"`
	Scheduler         []string `json:"scheduler"`
	// LeaderElect makes the controller manager and the scheduler wait for the
	// lease of their name in kube-system: needed with more than one control
	// plane node. Their own --leader-elect is always off.
	LeaderElect bool `json:"leaderElect,omitempty"`
	// VirtualAddress is what one of several control-plane nodes has at a time.
	VirtualAddress *VirtualAddress `json:"virtualAddress,omitempty"`
	// GCPercent is Go's GOGC for the whole process, 50 when zero. Lower saves
	// memory and costs time. The environment variable GOGC has precedence.
	GCPercent int `json:"gcPercent,omitempty"`
}

// VirtualAddress is an address of the API that goes from node to node.
type VirtualAddress struct {
	Address netip.Addr `json:"address"` // IPv4
	// Node is an address that this node has: the interface that has it gets the
	// virtual one, too.
	Node netip.Addr `json:"node"`
	// Kubeconfig leads to the API server of this process, and may use the lease.
	Kubeconfig string `json:"kubeconfig"`
}

// LoadConfig reads and checks the file at path.
func LoadConfig(path string) (Config, error) {
	var c Config
	text, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	if err := yaml.UnmarshalStrict(text, &c); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Validate reports what is missing; the flags themselves are checked by the
// components.
func (c Config) Validate() error {
	switch {
	case len(c.APIServer) == 0:
		return fmt.Errorf("apiserver: no flags")
	case flagValue(c.ControllerManager, "kubeconfig") == "":
		return fmt.Errorf("controllerManager: no --kubeconfig=PATH")
	case flagValue(c.Scheduler, "kubeconfig") == "":
		return fmt.Errorf("scheduler: no --kubeconfig=PATH")
	case c.GCPercent < 0:
		return fmt.Errorf("gcPercent: %d is negative", c.GCPercent)
	case c.VirtualAddress != nil && !(c.VirtualAddress.Address.Is4() && c.VirtualAddress.Node.Is4()):
		return fmt.Errorf("virtualAddress: %s and %s are not two IPv4 addresses", c.VirtualAddress.Address, c.VirtualAddress.Node)
	case c.VirtualAddress != nil && c.VirtualAddress.Kubeconfig == "":
		return fmt.Errorf("virtualAddress: no kubeconfig")
	}
	return nil
}

// flagValue is the value of the last --name=value among args, or "".
func flagValue(args []string, name string) string {
	var value string
	for _, arg := range args {
		if v, found := strings.CutPrefix(arg, "--"+name+"="); found {
			value = v
		}
	}
	return value
}
