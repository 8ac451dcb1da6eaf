package coetest

import (
	"encoding/json"
	"strings"
	"testing"
)

// testVirtual: a control plane that is to hand an address on is told of it.
func testVirtual(t *testing.T, c Pure) {
	if !c.Traits().VirtualAddress {
		t.Skip("its control planes hand no address on")
	}
	const address = "10.0.0.8"
	inputs := Cluster(c.Traits(), 3, 1)
	for i := range inputs {
		inputs[i].VirtualAddress = address
	}
	testConfigs(t, c, inputs)
	for _, in := range inputs[:3] {
		config, err := c.Config(in)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := json.Marshal(config); err != nil || !strings.Contains(string(text), address) {
			t.Errorf("the config of %s does not speak of %s: %v", in.Machine.Name, address, err)
		}
	}
}
