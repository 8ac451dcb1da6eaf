package inside

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestResolversThatAMachineCannotReachAreLeftOut(t *testing.T) {
	for _, c := range []struct {
		name, conf, want string
		found            bool
	}{
		{"a resolver of the network", "search example.com\nnameserver 192.0.2.53\n", "search example.com\nnameserver 192.0.2.53\n", true},
		{"one on the loopback beside it", "nameserver 127.0.0.53\nnameserver 192.0.2.53\noptions edns0\n", "nameserver 192.0.2.53\noptions edns0\n", true},
		{"the loopback alone", "nameserver 127.0.0.53\nnameserver ::1\n", "\n", false},
		{"nothing", "", "\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, found := reachable(c.conf)
			if text != c.want || found != c.found {
				t.Errorf("got %q, %v", text, found)
			}
		})
	}
	if got := resolvers("192.0.2.1"); got != "nameserver 192.0.2.1\n" {
		t.Error(got)
	}
}

func TestMeminfoHasTheFlavorsSize(t *testing.T) {
	first, _, _ := strings.Cut(meminfo(1024), "\n")
	if first != "MemTotal:        1048576 kB" {
		t.Error(first)
	}
}

func TestEveryOwnDirectoryHasAPlaceOfItsOwn(t *testing.T) {
	dirs := Directories()
	if len(slices.Compact(slices.Sorted(slices.Values(dirs)))) != len(dirs) {
		t.Error(dirs)
	}
}

func TestShadeKeepsWhatTheMachineMade(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("makes device nodes: needs root")
	}
	upper := t.TempDir()
	hidden := t.TempDir()
	// The machine has made something of its own in the place of a hidden file.
	own := filepath.Join(upper, hidden, "own")
	if err := os.MkdirAll(own, 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a machine starts again
		if err := shade(upper, []string{hidden}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(own); err != nil {
		t.Error(err)
	}
	if entry, err := os.Stat(filepath.Join(upper, "etc")); err == nil && entry.Mode().Perm() != 0o755 {
		t.Errorf("etc has the mode %v", entry.Mode())
	}
}
