// Package coetest is the conformance suite of COEs: what the rest of the house
// relies on, whatever the engine. Every implementation runs it; a simulated one
// that passes may stand in for a real one.
package coetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// Pure is the half of a COE that needs no live cluster.
type Pure interface {
	Traits() coe.Traits
	Check(jeroboam.Template) error
	Config(coe.Input) (node.Config, error)
}

// Run runs the suite on the pure half of a COE.
func Run(t *testing.T, c Pure) {
	t.Run("traits", func(t *testing.T) { testTraits(t, c.Traits()) })
	t.Run("labels", func(t *testing.T) { testLabels(t, c) })
	t.Run("check", func(t *testing.T) { testCheck(t, c) })
	t.Run("a rotation is three configs", func(t *testing.T) { testRotation(t, c) })
	for _, size := range [][2]int{{1, 0}, {1, 2}, {3, 3}} {
		t.Run(fmt.Sprintf("config %d+%d", size[0], size[1]), func(t *testing.T) {
			testConfigs(t, c, Cluster(c.Traits(), size[0], size[1]))
		})
	}
	t.Run("config 3+1 with a virtual address", func(t *testing.T) { testVirtual(t, c) })
}

// RunLive runs the suite's live part, against a cluster that does not answer.
// access is valid in all but its Dial.
func RunLive(t *testing.T, c coe.COE, access coe.Access) {
	access.Dial = func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no route to the machine")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	t.Run("an API that does not answer is no error", func(t *testing.T) {
		health, err := c.Health(ctx, access)
		if err != nil || health.Reachable || health.Message == "" {
			t.Errorf("health %+v, error %v", health, err)
		}
	})
	t.Run("drain and remove are to be tried again", func(t *testing.T) {
		if err := c.Drain(ctx, access, "demo-worker-0"); jeroboam.KindOf(err) != jeroboam.Unavailable {
			t.Errorf("drain: %v", err)
		}
		if err := c.Remove(ctx, access, "demo-worker-0"); jeroboam.KindOf(err) != jeroboam.Unavailable {
			t.Errorf("remove: %v", err)
		}
		if u, ok := c.(coe.Upgrader); ok {
			if err := u.Uncordon(ctx, access, "demo-worker-0"); jeroboam.KindOf(err) != jeroboam.Unavailable {
				t.Errorf("uncordon: %v", err)
			}
		}
	})
}

func testTraits(t *testing.T, traits coe.Traits) {
	if traits.Name == "" || traits.Scheme == "" || traits.APIPort < 1 || traits.APIPort > 65535 {
		t.Errorf("name %q, scheme %q, port %d", traits.Name, traits.Scheme, traits.APIPort)
	}
	if !slices.Contains(traits.Authorities, jeroboam.AuthorityMain) {
		t.Errorf("no main authority among %v", traits.Authorities)
	}
	if traits.Administrators == "" {
		t.Error("nobody may do anything: no administrators")
	}
	if len(traits.NetworkDrivers) == 0 {
		t.Error("no default network driver")
	}
	seen := map[string]bool{}
	for _, spec := range traits.Secrets {
		if spec.Name == "" || seen[spec.Name] || (spec.Kind != coe.SigningKey && spec.Kind != coe.Random32) {
			t.Errorf("secret %+v", spec)
		}
		seen[spec.Name] = true
	}
}

func testCheck(t *testing.T, c Pure) {
	traits := c.Traits()
	if err := c.Check(jeroboam.Template{COE: traits.Name}); err != nil {
		t.Errorf("a template without wishes: %v", err)
	}
	for _, driver := range traits.NetworkDrivers {
		if err := c.Check(jeroboam.Template{COE: traits.Name, NetworkDriver: driver}); err != nil {
			t.Errorf("network driver %s: %v", driver, err)
		}
	}
	if err := c.Check(jeroboam.Template{COE: traits.Name, Labels: map[string]string{"unheard_of": "x"}}); err != nil {
		t.Errorf("a label it does not know: %v", err)
	}
}

func testConfigs(t *testing.T, c Pure, inputs []coe.Input) {
	for _, in := range inputs {
		t.Run(in.Machine.Name, func(t *testing.T) {
			config, err := c.Config(in)
			if err != nil {
				t.Fatal(err)
			}
			testDeterminism(t, c, in, config)
			testNames(t, in, config)
			testOrder(t, config)
			testCertificates(t, c.Traits(), in, config)
			testSecrets(t, c, in, config)
			testIncomplete(t, c, in)
		})
	}
}

// testDeterminism: the same cluster is the same config, however it is listed
// and whoever was seen when.
func testDeterminism(t *testing.T, c Pure, in coe.Input, config node.Config) {
	in.Machines = slices.Clone(in.Machines)
	slices.Reverse(in.Machines)
	in.Groups = slices.Clone(in.Groups)
	slices.Reverse(in.Groups)
	in.Machine.Status.Connected = true
	for i := range in.Machines {
		in.Machines[i].Status.SeenAt = time.Unix(1, 0)
	}
	again, err := c.Config(in)
	if err != nil {
		t.Fatal(err)
	}
	if again.Digest() != config.Digest() {
		t.Error("the same cluster, listed the other way round and seen later, is another config")
	}
}

// testIncomplete: what is not known yet is waited for.
func testIncomplete(t *testing.T, c Pure, in coe.Input) {
	in.APIHost = ""
	in.Authorities = nil
	if _, err := c.Config(in); err != nil && jeroboam.KindOf(err) != jeroboam.Unavailable {
		t.Errorf("without an API host and authorities: %v", err)
	}
}
