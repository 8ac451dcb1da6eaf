package coetest

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// importTask is the name under which others wait for the import of images.
const importTask = "images"

// testNames: every path is absolute and written once, every name is its own.
func testNames(t *testing.T, in coe.Input, c node.Config) {
	if c.Hostname != in.Machine.Name || c.Bundle != in.Bundle {
		t.Errorf("host name %q, bundle %+v", c.Hostname, c.Bundle)
	}
	written := map[string]bool{}
	for _, path := range writtenPaths(c) {
		if written[path] {
			t.Errorf("%s is written twice", path)
		}
		written[path] = true
	}
	for _, path := range slices.Concat(writtenPaths(c), readPaths(c), directories(c)) {
		if path != filepath.Clean(path) || !filepath.IsAbs(path) {
			t.Errorf("%q is not a clean absolute path", path)
		}
	}
	for _, path := range readPaths(c) {
		if !written[path] {
			t.Errorf("%s is read and not written", path)
		}
	}
	for _, p := range probes(c) {
		if given := count(p.URL) + count(p.Address) + count(p.Socket); given != 1 {
			t.Errorf("the probe %+v asks %d things", p, given)
		}
		if strings.HasPrefix(p.URL, "https:") && p.CA == "" {
			t.Errorf("the probe of %s trusts nobody", p.URL)
		}
	}
}

func count(text string) int { return min(len(text), 1) }

func writtenPaths(c node.Config) []string {
	var paths []string
	for _, f := range c.Files {
		paths = append(paths, f.Path)
	}
	for _, cert := range c.Certificates {
		paths = append(paths, cert.CertPath, cert.KeyPath)
	}
	return paths
}

func directories(c node.Config) []string {
	var paths []string
	for _, d := range c.Directories {
		paths = append(paths, d.Path)
	}
	return paths
}

// readPaths are what the agent itself reads of what it wrote.
func readPaths(c node.Config) []string {
	var paths []string
	for _, s := range c.Services {
		paths = append(paths, s.Watch...)
	}
	for _, p := range probes(c) {
		for _, path := range []string{p.CA, p.Cert, p.Key} {
			if path != "" {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

func probes(c node.Config) []node.Probe {
	var all []node.Probe
	add := func(p *node.Probe) {
		if p != nil {
			all = append(all, *p)
		}
	}
	for _, s := range c.Services {
		add(s.Gate)
		add(s.Ready)
	}
	for _, task := range c.Tasks {
		add(task.Gate)
	}
	return all
}

// testOrder: whatever is waited for exists, and nothing waits for itself.
func testOrder(t *testing.T, c node.Config) {
	after := map[string][]string{}
	add := func(name string, command, waits []string) {
		if _, double := after[name]; double || name == "" || len(command) == 0 {
			t.Errorf("%q: not a name of its own, or no command", name)
		}
		after[name] = waits
	}
	for _, s := range c.Services {
		add(s.Name, s.Command, s.After)
	}
	for _, task := range c.Tasks {
		add(task.Name, task.Command, task.After)
	}
	if len(c.Images.Names) > 0 {
		add(importTask, c.Images.Import, c.Images.After)
	}
	for len(after) > 0 {
		free := slices.DeleteFunc(slices.Collect(maps.Keys(after)), func(name string) bool {
			return slices.ContainsFunc(after[name], func(wait string) bool { _, waits := after[wait]; return waits })
		})
		if len(free) == 0 {
			t.Fatalf("these wait for each other: %v", after)
		}
		for _, name := range free {
			testKnown(t, c, name, after[name])
			delete(after, name)
		}
	}
}

func testKnown(t *testing.T, c node.Config, name string, waits []string) {
	for _, wait := range waits {
		known := wait == importTask ||
			slices.ContainsFunc(c.Services, func(s node.Service) bool { return s.Name == wait }) ||
			slices.ContainsFunc(c.Tasks, func(task node.Task) bool { return task.Name == wait })
		if !known {
			t.Errorf("%s waits for %s, which is not there", name, wait)
		}
	}
}

// testCertificates: a machine asks for what its role needs. A worker speaks for
// itself alone, is never an administrator, and has nothing of any authority but
// the main one.
func testCertificates(t *testing.T, traits coe.Traits, in coe.Input, c node.Config) {
	names := map[string]bool{}
	for _, cert := range c.Certificates {
		if cert.Name == "" || names[cert.Name] || cert.CommonName == "" || (!cert.Server && !cert.Client) {
			t.Errorf("certificate %+v", cert)
		}
		names[cert.Name] = true
		if !slices.Contains(traits.Authorities, cert.Authority) {
			t.Errorf("certificate %s wants the unknown authority %q", cert.Name, cert.Authority)
		}
		if !in.Machine.IsMaster() {
			testWorkerCertificate(t, traits, in.Machine, cert)
		}
	}
}

func testWorkerCertificate(t *testing.T, traits coe.Traits, m jeroboam.Machine, cert node.Certificate) {
	if cert.Authority != jeroboam.AuthorityMain {
		t.Errorf("a worker asks the authority %s for %s", cert.Authority, cert.Name)
	}
	if slices.Contains(cert.Organization, traits.Administrators) {
		t.Errorf("a worker becomes an administrator by %s", cert.Name)
	}
	for _, name := range slices.Concat(cert.DNSNames, cert.IPs) {
		if name != m.Name && name != m.Status.Address {
			t.Errorf("a worker passes for %s by %s", name, cert.Name)
		}
	}
}

// testSecrets: a worker gets none of the cluster's secrets, even if it is given
// them by mistake; a control-plane node keeps them in files for root alone.
func testSecrets(t *testing.T, c Pure, in coe.Input, config node.Config) {
	in.Secrets = Secrets(c.Traits())
	if !in.Machine.IsMaster() {
		given, err := c.Config(in)
		if err != nil {
			t.Fatal(err)
		}
		config = given
	}
	files := config.Files
	config.Files = nil
	rest, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range in.Secrets {
		for _, f := range files {
			if holds(string(f.Content), secret) && (f.Mode&0o077 != 0 || !in.Machine.IsMaster()) {
				t.Errorf("the secret %s is in %s, mode %o, of a %s", name, f.Path, f.Mode, in.Machine.Role)
			}
		}
		if holds(string(rest), secret) {
			t.Errorf("the secret %s is outside of files", name)
		}
	}
}

// holds finds a secret by its longest line: a PEM may be wrapped or escaped.
func holds(text string, secret jeroboam.Secret) bool {
	longest := slices.MaxFunc(strings.Split(secret.Reveal(), "\n"), func(a, b string) int { return len(a) - len(b) })
	return strings.Contains(text, longest)
}
