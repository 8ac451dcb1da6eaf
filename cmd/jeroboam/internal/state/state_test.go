package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
)

func TestASecondServiceIsRefusedAndTheFirstKeepsItsState(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	first, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	first.Keep()
	_, err = Open(dir)
	if e, _ := jeroboam.AsError(err); e == nil || e.Reason != "state-taken" || !strings.Contains(e.Detail, "process ") {
		t.Errorf("the second got %v", err)
	}
	if _, err := os.Stat(first.Path("serve.pid")); err != nil {
		t.Errorf("the first lost its pid file: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	third, err := Open(dir)
	if err != nil {
		t.Fatalf("after the first ended: %v", err)
	}
	if err := third.Close(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); got != "lock version" {
		t.Errorf("left: %s", got)
	}
}

func TestAStartThatFailedLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Path("half.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
}

func TestAStateThatIsNotOursIsRefusedUnchanged(t *testing.T) {
	for name, c := range map[string]struct{ file, text, reason string }{
		"of another version":   {"version", "7\n", "state-version"},
		"somebody else's data": {"thesis.txt", "x", "state-foreign"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(dir)
			if e, _ := jeroboam.AsError(err); e == nil || e.Reason != c.reason || e.Remedy == "" {
				t.Errorf("got %v", err)
			}
			if got := names(t, dir); got != c.file {
				t.Errorf("left: %s", got)
			}
		})
	}
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}
