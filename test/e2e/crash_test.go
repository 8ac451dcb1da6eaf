package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestServiceIsKilled ends the service with SIGKILL at five moments of a
// create and of a delete; each time the next start must bring it to its end.
func TestServiceIsKilled(t *testing.T) {
	s := start(t)
	s.template()
	for _, has := range []struct{ create, delete string }{
		{"authority", ""}, {"machine", "delete"}, {"join", "delete 2"}, {"configure", "delete 3"}, {"ready", "sweep"},
	} {
		t.Run(fmt.Sprintf("once the journal of the create has %s, and that of the delete %q", has.create, has.delete), func(t *testing.T) {
			s.killedTwice(t, has.create, has.delete)
		})
	}
}

// killedTwice is the life of a cluster, whose service dies at a moment of the
// create and at one of the delete.
func (s *service) killedTwice(t *testing.T, create, delete string) {
	empty := snapshot(t, s.state)
	s.run("cluster", "create", "victim", "--template", "kubernetes", "--nodes", "1")
	s.killAt("victim", create)
	s.serve()
	s.eventually(3*time.Minute, "the create ends well", func() error { return s.hasStatus("victim", "CREATE_COMPLETE") })
	if err := s.open("victim").hasReady(2); err != nil {
		t.Error(err)
	}
	if machines := strings.Count(s.run("cluster", "machines", "victim"), "victim-"); machines != 2 {
		t.Errorf("there are %d machines, not 2", machines)
	}

	s.run("cluster", "delete", "victim")
	s.killAt("victim", delete)
	s.serve()
	s.eventually(2*time.Minute, "the delete ends well", func() error {
		if out, err := s.try("cluster", "show", "victim"); err == nil {
			return fmt.Errorf("%w: %s", errNotYet, out)
		}
		return nil
	})
	settle(t, empty, s.state)
}

// killAt kills the service when the newest operation of the cluster has a step
// whose name begins with the word; "word 2" wants two such steps ended, and a
// cluster that is gone is late enough.
func (s *service) killAt(name, moment string) {
	s.t.Helper()
	s.journalHas(name, moment)
	s.kill()
}

// journalHas waits for such a step.
func (s *service) journalHas(name, moment string) {
	s.t.Helper()
	word, count := moment, 1
	if _, err := fmt.Sscanf(moment, "%s %d", &word, &count); err != nil {
		word, count = moment, 1
	}
	s.eventually(time.Minute, "the journal has "+moment, func() error {
		out, err := s.try("cluster", "operations", name)
		if err != nil || moment == "" {
			return nil
		}
		if strings.Count(out, "\n"+word) >= count {
			return nil
		}
		return errNotYet
	})
}

func (s *service) hasStatus(name, want string) error {
	var c struct {
		Status string `json:"status"`
		Reason string `json:"status_reason"`
	}
	if err := s.read(&c, "cluster", "show", name); err != nil {
		return err
	}
	if c.Status != want {
		return fmt.Errorf("%s: %s", c.Status, c.Reason)
	}
	return nil
}
