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
	for _, moment := range []string{"authority", "machine", "join", "configure", "ready"} {
		t.Run("while creating, once the journal has "+moment, func(t *testing.T) { s.killedWhile(t, "create", moment) })
	}
	for _, moment := range []string{"", "delete", "delete 2", "delete 3", "sweep"} {
		t.Run("while deleting, once the journal has "+moment, func(t *testing.T) { s.killedWhile(t, "delete", moment) })
	}
}

func (s *service) killedWhile(t *testing.T, verb, moment string) {
	empty := snapshot(t, s.state)
	s.run("cluster", "create", "victim", "--template", "kubernetes", "--nodes", "1")
	if verb == "create" {
		s.killAt("victim", moment)
		s.serve()
	}
	s.eventually(3*time.Minute, "the create ends well", func() error { return s.hasStatus("victim", "CREATE_COMPLETE") })
	if err := s.open("victim").hasReady(2); err != nil {
		t.Error(err)
	}
	if machines := strings.Count(s.run("cluster", "machines", "victim"), "victim-"); machines != 2 {
		t.Errorf("there are %d machines, not 2", machines)
	}

	s.run("cluster", "delete", "victim")
	if verb == "delete" {
		s.killAt("victim", moment)
		s.serve()
	}
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
