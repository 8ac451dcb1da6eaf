package e2e

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTheAPIsAddressMoves has three control-plane nodes hand an address on: when
// its holder loses power while no service is there to start it again, when it
// is asked to stop, and when it hangs.
func TestTheAPIsAddressMoves(t *testing.T) {
	s := start(t)
	s.template()
	s.run("cluster", "create", "va", "--template", "kubernetes", "--masters", "3", "--nodes", "1", "--label", "api_address=virtual", "--wait")
	c := s.open("va")
	if err := c.hasReady(4); err != nil {
		t.Fatal(err)
	}

	f := c.front()
	s.kill()
	f.moves("a power cut", func(m machine) { powerOff(t, m) })
	s.serve()
	c.eventually(2*time.Minute, "the machine is back", func() error { return c.hasReady(4) })

	f = c.front()
	f.moves("a clean stop", func(m machine) { signal(t, m, syscall.SIGTERM) })
	var hung machine
	f.moves("a process that hangs", func(m machine) { hung = m; signal(t, m, syscall.SIGSTOP) })
	signal(t, hung, syscall.SIGCONT)
	c.kubectl("create", "configmap", "after", "--from-literal=a=b")
	s.run("cluster", "delete", "va", "--wait")
}

func signal(t testing.TB, m machine, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(within(t, m, "controlplane"), s); err != nil {
		t.Fatal(err)
	}
}

// front is a cluster's virtual address and the machines that may have it.
type front struct {
	cluster
	address string
	masters []machine
}

func (c cluster) front() front {
	c.t.Helper()
	address, _, err := net.SplitHostPort(c.apiAddress(c.name))
	if err != nil {
		c.t.Fatal(err)
	}
	f := front{cluster: c, address: address}
	for i := range 3 {
		f.masters = append(f.masters, c.machine(c.name, fmt.Sprintf("%s-master-%d", c.name, i)))
	}
	return f
}

// owner is the machine in whose network the address is; an error if that is not
// exactly one.
func (f front) owner() (machine, error) {
	var owners []machine
	for _, m := range f.masters { // in the network of one that does not run is nothing
		out, _ := output(nsenter(m.init, "--net", "ip", "-o", "-4", "address", "show", "to", f.address))
		if strings.Contains(out, f.address) {
			owners = append(owners, m)
		}
	}
	if len(owners) != 1 {
		return machine{}, fmt.Errorf("the API's address is at %v", owners)
	}
	return owners[0], nil
}

// moves does something to the machine that has the address, and wants another
// one to have it, and that alone.
func (f front) moves(what string, strike func(machine)) {
	f.t.Helper()
	var from, to machine
	f.eventually(2*time.Minute, "the control plane is whole and one machine has the address", func() (err error) {
		for _, m := range f.masters {
			if _, err := f.tryKubectl("", "get", "--raw", "/readyz", "--request-timeout=2s", "--server=https://"+net.JoinHostPort(m.Address, "6443")); err != nil {
				return err
			}
		}
		from, err = f.owner()
		return err
	})
	began := time.Now()
	strike(from)
	f.eventually(2*time.Minute, "another machine has the address after "+what, func() (err error) {
		if to, err = f.owner(); err == nil && to == from {
			err = errNotYet
		}
		return err
	})
	moved := time.Since(began)
	f.eventually(2*time.Minute, "the API answers after "+what, func() error {
		_, err := f.tryKubectl("", "get", "nodes", "--request-timeout=2s")
		return err
	})
	f.t.Logf("%s: the address goes from %s to %s in %.1f s, kubectl works after %.1f s", what, from.Name, to.Name,
		moved.Seconds(), time.Since(began).Seconds())
}
