package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam/test/port"
	"github.com/jeroboam-cloud/jeroboam/test/postgres"
)

// fleet is several services on one PostgreSQL and one host.
type fleet struct {
	*testing.T
	shared  string // what they have in common
	servers []*service
}

// startFleet starts n services, each with settings of its own. They know the
// same users, and each has credentials that lead to itself.
func startFleet(t *testing.T, n int, settings ...func() []string) *fleet {
	if os.Getenv("JEROBOAM_TEST_REAL") != "1" {
		t.Skip("makes real clusters on this host: set JEROBOAM_TEST_REAL=1, as root, after make build")
	}
	database := &postgres.Server{}
	t.Cleanup(database.Stop)
	url := database.Database(t)
	shared, err := os.MkdirTemp("/var/tmp", "jeroboam-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	bin, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{T: t, shared: shared}
	before := snapshot(t, shared)
	t.Cleanup(func() {
		f.stop()
		settle(t, before, shared)
		_ = os.RemoveAll(shared)
	})
	for range n {
		s := &service{t: t, bin: bin, state: t.TempDir(), listen: port.Address(t),
			env: []string{"JEROBOAM_DATABASE=" + url.Reveal(), "JEROBOAM_SHARED=" + shared}}
		s.home = s.state
		for _, own := range settings {
			s.env = append(s.env, own()...)
		}
		s.serve()
		f.servers = append(f.servers, s)
	}
	first := f.servers[0]
	first.letIn("demo", "admin", first.state)
	clouds, err := os.ReadFile(filepath.Join(first.state, "clouds.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range f.servers[1:] {
		own := strings.ReplaceAll(string(clouds), first.listen, s.listen)
		if err := os.WriteFile(filepath.Join(s.state, "clouds.yaml"), []byte(own), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// stop ends every service, and removes what a failed test has left on the host.
func (f *fleet) stop() {
	for _, s := range f.servers {
		if f.Failed() {
			s.showLog()
		}
		if s.cmd != nil {
			s.stop()
		}
	}
	if len(f.servers) == 0 || !f.Failed() {
		return
	}
	down := f.servers[0].command("down")
	if err := os.WriteFile(filepath.Join(f.shared, "serve.log"), nil, 0o600); err != nil { // "down" wants to know it as ours
		f.Error(err)
	}
	down.Env = append(down.Env, "JEROBOAM_STATE="+f.shared)
	if out, err := down.CombinedOutput(); err != nil {
		f.Errorf("jeroboam down: %v\n%s", err, out)
	}
}

// TestAnyOfSeveralServersMayDie kills each of three servers in turn, at another
// moment of a create that was asked of a second one; the third must tell that it
// ended well, with every agent connected and nothing made twice.
func TestAnyOfSeveralServersMayDie(t *testing.T) {
	f := startFleet(t, 3)
	f.servers[0].template()
	for i, moment := range []string{"machine", "configure", "ready"} {
		name := fmt.Sprintf("victim%d", i)
		victim, asked, told := f.servers[i], f.servers[(i+1)%3], f.servers[(i+2)%3]
		empty := snapshot(t, f.shared)
		asked.run("cluster", "create", name, "--template", "kubernetes", "--nodes", "1")
		asked.journalHas(name, moment)
		victim.kill()
		killed := time.Now()
		told.moves(name)
		t.Logf("server %d killed once the journal had %s: the journal went on after %v", i, moment, time.Since(killed).Round(time.Millisecond))
		told.eventually(3*time.Minute, "the create ends well", func() error { return told.hasStatus(name, "CREATE_COMPLETE") })
		if err := told.open(name).hasReady(2); err != nil {
			t.Error(err)
		}
		if n := strings.Count(told.run("cluster", "machines", name), name+"-"); n != 2 {
			t.Errorf("there are %d machines, not 2", n)
		}
		told.eventually(time.Minute, "every agent has called a server that lives", told.connected(name))

		victim.serve()
		victim.run("cluster", "resize", name, "2", "--wait")
		if err := asked.open(name).hasReady(3); err != nil {
			t.Error(err)
		}
		asked.run("cluster", "delete", name, "--wait")
		settle(t, empty, f.shared)
	}
	used := f.servers[1].run("quota", "show", f.servers[1].project())
	for _, line := range []string{"Cluster", "Node"} {
		if !strings.Contains(strings.Join(strings.Fields(used), " "), line+" - 0 ") {
			t.Errorf("something is still counted:\n%s", used)
		}
	}
}

// project is the ID of the caller's own.
func (s *service) project() string {
	s.t.Helper()
	var templates struct {
		Items []struct {
			Project string `json:"project_id"`
		} `json:"clustertemplates"`
	}
	if err := s.read(&templates, "template", "list"); err != nil || len(templates.Items) == 0 {
		s.t.Fatalf("no template tells the project: %v", err)
	}
	return templates.Items[0].Project
}

// moves waits until something that was not in the journal is, or the create has ended.
func (s *service) moves(name string) {
	s.t.Helper()
	var before string
	s.eventually(time.Minute, "the work goes on", func() error {
		now, err := s.try("cluster", "operations", name)
		if err != nil {
			return err
		}
		if before == "" {
			before = now
		}
		if now == before {
			return s.hasStatus(name, "CREATE_COMPLETE")
		}
		return nil
	})
}

// connected wants every machine's agent connected.
func (s *service) connected(name string) func() error {
	return func() error {
		var list struct {
			Machines []struct {
				Name      string `json:"name"`
				Connected bool   `json:"connected"`
			} `json:"machines"`
		}
		if err := s.read(&list, "cluster", "machines", name); err != nil {
			return err
		}
		for _, m := range list.Machines {
			if !m.Connected {
				return fmt.Errorf("%s is not connected", m.Name)
			}
		}
		return nil
	}
}
