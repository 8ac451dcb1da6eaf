package local

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// unprivileged is a local cloud for tests that touch nothing but its directory.
func unprivileged(t *testing.T) *Local {
	t.Helper()
	l, err := New(Options{State: t.TempDir(), AgentPath: "/bin/true"})
	must(t, err)
	return l
}

func TestAFreeSubnetOverlapsNothing(t *testing.T) {
	for _, c := range []struct {
		name  string
		pool  string
		taken []string
		want  string
	}{
		{"the first one of an unused pool", "10.77.0.0/16", nil, "10.77.0.0/24"},
		{"the next after a route", "10.77.0.0/16", []string{"10.77.0.0/24"}, "10.77.1.0/24"},
		{"after a wider route", "10.77.0.0/16", []string{"10.77.0.0/20"}, "10.77.16.0/24"},
		{"beside a host route", "10.77.0.0/16", []string{"10.77.0.9/32", "10.77.2.0/24"}, "10.77.1.0/24"},
		{"none when a route covers the pool", "10.77.0.0/16", []string{"10.0.0.0/8"}, "invalid Prefix"},
		{"the end of the address space", "255.255.255.0/24", []string{"255.255.255.0/24"}, "invalid Prefix"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var taken []netip.Prefix
			for _, text := range c.taken {
				taken = append(taken, netip.MustParsePrefix(text))
			}
			got, _ := freeSubnet(netip.MustParsePrefix(c.pool), taken)
			same(t, got, c.want)
		})
	}
}

func TestFreeSubnetsNeverCollide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var taken []netip.Prefix
		for range rapid.IntRange(0, 40).Draw(t, "n") {
			taken = append(taken, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, rapid.Byte().Draw(t, "third"), rapid.Byte().Draw(t, "fourth")}),
				rapid.IntRange(18, 32).Draw(t, "bits")).Masked())
		}
		got, found := freeSubnet(DefaultPool, taken)
		for _, other := range taken {
			if found && (other.Overlaps(got) || !DefaultPool.Overlaps(got)) {
				t.Fatalf("%v overlaps %v", got, other)
			}
		}
	})
}

func TestAddressesAreGivenOnceAndReused(t *testing.T) {
	l := unprivileged(t)
	network := networkRecord{Scope: cloud.Scope{Cluster: "c"}, Subnet: netip.MustParsePrefix("10.77.3.0/24")}
	must(t, writeRecord(l.networkFile("c"), network))
	record := func(id string) netip.Addr {
		m, _, err := l.recordMachine(network.Scope, cloud.MachineSpec{ID: id, Name: id})
		must(t, err)
		return m.Address
	}
	same(t, []netip.Addr{record("a"), record("b"), record("a")}, "[10.77.3.10 10.77.3.11 10.77.3.10]")
	must(t, removeRecorded(l.dirOf(machineKind, "c", "a"), machineKind.file()))
	same(t, []netip.Addr{record("c"), record("b")}, "[10.77.3.10 10.77.3.11]")
	balancer, _, err := l.recordAddress(balancerKind, network.Scope, "api")
	must(t, err)
	same(t, balancer.Address, "10.77.3.2")
}

func TestAFullNetworkSaysSo(t *testing.T) {
	l := unprivileged(t)
	network := networkRecord{Scope: cloud.Scope{Cluster: "c"}, Subnet: netip.MustParsePrefix("10.77.3.0/24")}
	must(t, writeRecord(l.networkFile("c"), network))
	for _, name := range strings.Split("abcdefgh", "") {
		_, _, err := l.recordAddress(balancerKind, network.Scope, name)
		must(t, err)
	}
	_, _, err := l.recordAddress(balancerKind, network.Scope, "one too many")
	same(t, jeroboam.KindOf(err), jeroboam.QuotaExceeded)
}

func TestTheRulesOfTwoClusters(t *testing.T) {
	var script bytes.Buffer
	must(t, rules.Execute(&script, map[string]any{"Table": "jeroboam_x", "Networks": []networkRecord{
		{Bridge: "jb-a", Subnet: netip.MustParsePrefix("10.77.0.0/24"), Gateway: netip.MustParseAddr("10.77.0.1")},
		{Bridge: "jb-b", Subnet: netip.MustParsePrefix("10.77.1.0/24"), Gateway: netip.MustParseAddr("10.77.1.1")},
	}}))
	for _, line := range []string{
		`elements = { "jb-a", "jb-b" }`, `elements = { 10.77.0.0/24, 10.77.1.0/24 }`, `elements = { 10.77.0.1, 10.77.1.1 }`,
		`iifname "jb-b" ip daddr 10.77.1.1 accept`, `iifname "jb-a" oifname "jb-a" accept`,
		`ip saddr @subnets oifname != "jb-*" masquerade`,
	} {
		if !strings.Contains(script.String(), line) {
			t.Errorf("there is no line %s in\n%s", line, script.String())
		}
	}
	script.Reset()
	must(t, rules.Execute(&script, map[string]any{"Table": "jeroboam_x", "Networks": []networkRecord{}}))
	same(t, script.String(), "add table inet jeroboam_x\ndelete table inet jeroboam_x\n")
}

func TestNamesThatWouldLeaveTheDirectoryAreRefused(t *testing.T) {
	l := unprivileged(t)
	for _, name := range []string{"", "..", "../x", "a/b", "-x", "a b"} {
		_, err := l.EnsureNetwork(t.Context(), cloud.Scope{Cluster: name}, cloud.NetworkSpec{})
		same(t, jeroboam.KindOf(err), jeroboam.Invalid)
		err = l.Delete(t.Context(), cloud.Scope{Cluster: "c"}, cloud.Object{Kind: jeroboam.KindMachine, ID: name, Name: "x"})
		if name != "" {
			same(t, jeroboam.KindOf(err), jeroboam.Invalid)
		}
	}
}

func TestAMachineWantsItsNetworkFirst(t *testing.T) {
	_, err := unprivileged(t).EnsureMachine(t.Context(), cloud.Scope{Cluster: "c"}, cloud.MachineSpec{ID: "m", Name: "m"})
	same(t, jeroboam.KindOf(err), jeroboam.Conflict)
}

func TestADamagedRecordIsToldOf(t *testing.T) {
	l := unprivileged(t)
	must(t, writeFile(l.networkFile("c"), []byte("{")))
	_, err := l.EnsureMachine(t.Context(), cloud.Scope{Cluster: "c"}, cloud.MachineSpec{ID: "m", Name: "m"})
	e, _ := jeroboam.AsError(err)
	same(t, e.Reason, "record-damaged")
	same(t, len(l.mustList(t, "c")), 1) // it can still be found, and so be deleted
}

func (l *Local) mustList(t *testing.T, cluster string) []cloud.Object {
	t.Helper()
	objects, err := l.List(t.Context(), cloud.Scope{Cluster: cluster})
	must(t, err)
	return objects
}

func TestOneDirectoryIsOneInstance(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Symlink(dir, dir+"-link"))
	t.Cleanup(func() { os.Remove(dir + "-link") })
	one, err := New(Options{State: filepath.Join(dir, "state")})
	must(t, err)
	two, err := New(Options{State: filepath.Join(dir+"-link", "state")})
	must(t, err)
	same(t, two.instance, one.instance)
	if other := unprivileged(t); other.instance == one.instance {
		t.Error("another directory is the same instance")
	}
}

func TestLocksOfDifferentKeysDoNotWait(t *testing.T) {
	var locks keyedLocks
	unlock := locks.lock("a")
	locks.lock("b")()
	entered := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		defer locks.lock("a")()
		close(entered)
	})
	select {
	case <-entered:
		t.Error("the key was locked twice")
	default:
	}
	unlock()
	wait.Wait()
	same(t, len(locks.held), 0)
}

func TestALockedFileIsWaitedForAsLongAsTheContextLasts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	held, err := lockFile(t.Context(), path)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lockFile(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	// Who waited for a file that was removed gets the new one.
	must(t, os.Remove(path))
	again, err := lockFile(t.Context(), path)
	must(t, err)
	held.Close()
	again.Close()
}
