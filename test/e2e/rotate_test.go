package e2e

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAuthoritiesAreRotated replaces all authorities of a live cluster: a
// kubeconfig of before works until the end and not after it, pods do not
// notice, and every certificate of every machine is another one.
func TestAuthoritiesAreRotated(t *testing.T) {
	s := start(t)
	s.template()
	s.run("cluster", "create", "old", "--template", "kubernetes", "--nodes", "1", "--wait")
	before := s.open("old")
	before.apply(before.web(2))
	before.kubectl("rollout", "status", "deployment/web", "--timeout=2m")
	const pods = `jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[*].restartCount}{"\n"}{end}`
	ran := before.kubectl("get", "pods", "-A", "-o", pods)
	first := s.run("certificate", "ca", "old")

	s.run("certificate", "rotate", "old")
	between := before.untilRotated(first)
	s.run("cluster", "watch", "old")
	if between == 0 {
		t.Error("the kubeconfig of before did not work while both authorities were trusted")
	}
	if _, err := before.tryKubectl("", "get", "nodes"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("the kubeconfig of before still works: %v", err)
	}
	after := s.open("old")
	if err := after.hasReady(2); err != nil {
		t.Error(err)
	}
	if now := after.kubectl("get", "pods", "-A", "-o", pods); now != ran {
		t.Errorf("pods were %s\nand are %s", ran, now)
	}
	after.eventually(time.Minute, "the API server and the kubelet trust each other", func() error {
		_, err := after.tryKubectl("", "logs", "deployment/web") // a kubelet that has just begun anew does not know its pods at once
		return err
	})
	for _, machine := range []string{"old-master-0", "old-worker-0"} {
		after.renewed(machine)
	}

	// One alone, of which the nodes see nothing.
	s.run("certificate", "rotate", "old", "--type", "etcd", "--wait")
	if err := after.hasReady(2); err != nil {
		t.Error(err)
	}
	after.renewed("old-master-0")
	s.run("cluster", "delete", "old", "--wait")
}

// untilRotated watches a rotation and counts how often the kubeconfig was of use
// while clients were told of two authorities. It is written for clusters with
// one control-plane node, whose API is away while that node changes.
func (c cluster) untilRotated(first string) int {
	c.t.Helper()
	worked := 0
	c.eventually(3*time.Minute, "the first authority is forgotten", func() error {
		now, err := c.try("certificate", "ca", c.name)
		if err != nil {
			return err
		}
		if strings.Count(now, "BEGIN") == 2 {
			if !strings.Contains(now, strings.TrimSpace(first)) {
				return fmt.Errorf("the first authority is not among %s", now)
			}
			if _, err := c.tryKubectl("", "get", "nodes", "--request-timeout=2s"); err == nil {
				worked++
			}
			return errNotYet
		}
		if now == first {
			return errNotYet
		}
		return nil
	})
	return worked
}

// renewed wants every certificate on a machine to be signed by the authority of
// today, and no file of a machine to trust another.
func (c cluster) renewed(name string) {
	c.t.Helper()
	root := fmt.Sprintf("/proc/%d/root/etc/kubernetes/pki", c.machine(c.name, name).init)
	pools := map[string]*x509.CertPool{}
	for file, kind := range map[string]string{"ca.crt": "kubernetes", "etcd-ca.crt": "etcd", "front-proxy-ca.crt": "front-proxy"} {
		authority := c.run("certificate", "ca", c.name, "--type", kind)
		pools[kind] = x509.NewCertPool()
		pools[kind].AppendCertsFromPEM([]byte(authority))
		trusted, err := os.ReadFile(filepath.Join(root, file))
		if err == nil && strings.TrimSpace(string(trusted)) != strings.TrimSpace(authority) {
			c.t.Errorf("%s of %s trusts\n%s\nand the authority is\n%s", file, name, trusted, authority)
		}
	}
	found, err := filepath.Glob(filepath.Join(root, "*.crt"))
	if err != nil || len(found) < 4 {
		c.t.Fatalf("certificates of %s: %v, %v", name, found, err)
	}
	for _, path := range found {
		file := filepath.Base(path)
		kind := "kubernetes"
		switch {
		case strings.HasSuffix(file, "ca.crt"):
			continue
		case strings.HasPrefix(file, "etcd-") || file == "apiserver-etcd-client.crt":
			kind = "etcd"
		case file == "front-proxy-client.crt":
			kind = "front-proxy"
		}
		text, err := os.ReadFile(path)
		if err != nil {
			c.t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			c.t.Fatal(err)
		}
		if _, err := certificate.Verify(x509.VerifyOptions{Roots: pools[kind], KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			c.t.Errorf("%s of %s: %v", file, name, err)
		}
	}
}
