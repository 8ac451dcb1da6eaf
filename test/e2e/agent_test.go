package e2e

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestAgentIsUpgraded starts the service again with another agent and wants
// every machine to run it, with the kubelet that ran before.
func TestAgentIsUpgraded(t *testing.T) {
	s := start(t)
	s.template()
	s.run("cluster", "create", "fresh", "--template", "kubernetes", "--nodes", "1", "--wait")
	c := s.open("fresh")
	worker := s.machine("fresh", "fresh-worker-0")
	kubelet := within(t, worker, "kubelet")

	// Bytes after its end make an executable another one that does the same.
	binary, err := os.ReadFile(filepath.Join(s.bin, "jeroboam-agent"))
	if err != nil {
		t.Fatal(err)
	}
	other := append(binary, "another build"...)
	path := filepath.Join(s.state, "another-agent")
	if err := os.WriteFile(path, other, 0o755); err != nil {
		t.Fatal(err)
	}
	want := sha256.Sum256(other)

	s.stop()
	s.serve("--agent", path)
	began := time.Now()
	for _, name := range []string{"fresh-master-0", "fresh-worker-0"} {
		m := s.machine("fresh", name)
		s.eventually(time.Minute, name+" runs the other agent", func() error {
			running, err := os.ReadFile(fmt.Sprintf("/proc/%d/exe", m.init))
			if err == nil && sha256.Sum256(running) != want {
				err = errNotYet
			}
			return err
		})
	}
	t.Logf("upgraded after %v", time.Since(began).Round(time.Millisecond))
	if after := within(t, worker, "kubelet"); after != kubelet {
		t.Errorf("the kubelet was started again: it was process %d and is %d", kubelet, after)
	}
	s.eventually(time.Minute, "the agents are back", s.connected("fresh"))
	s.eventually(time.Minute, "the nodes are ready", func() error { return c.hasReady(2) })
	s.run("cluster", "delete", "fresh", "--wait")
}
