package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// A virtual address is at the node that holds a lease, and for as long. Each
// renewal gives it some seconds more in the kernel, which takes it away when
// they are over: so no node keeps it that hangs, or whose process was killed.
const (
	addressName     = "virtual-address"
	addressLease    = "jeroboam-virtual-address"
	addressDuration = 6 * time.Second // others wait as long for a holder that is silent
	addressDeadline = 5 * time.Second
	addressRetry    = time.Second
	kernelDelay     = 1250 * time.Millisecond // of the end of an address's life
)

// component campaigns for the lease as long as it runs. The holder is called
// like its host, so that one that starts again is the holder still.
func (v VirtualAddress) component() component {
	return component{name: addressName, grace: 2 * time.Second, run: func(ctx context.Context, ready func()) error {
		ready() // Standing by is a good state: another has the address.
		lease, err := newLease(addressLease, v.Kubeconfig, "", addressDeadline)
		if err != nil {
			return err
		}
		for ctx.Err() == nil {
			if err := v.campaign(ctx, lease); err != nil {
				return err
			}
		}
		return ctx.Err()
	}}
}

// campaign waits for the lease and returns when it is lost.
func (v VirtualAddress) campaign(ctx context.Context, lease resourcelock.Interface) error {
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:            carrier{Interface: lease, keep: v.keep, drop: v.drop},
		LeaseDuration:   addressDuration,
		RenewDeadline:   addressDeadline,
		RetryPeriod:     addressRetry,
		ReleaseOnCancel: true,
		Name:            addressName,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { klog.InfoS("the virtual address is here", "address", v.Address) },
			OnStoppedLeading: func() { klog.InfoS("the virtual address is not here", "address", v.Address) },
		},
	})
	if err != nil {
		return err
	}
	elector.Run(ctx)
	return nil
}

// carrier is a lease that an address goes with.
type carrier struct {
	resourcelock.Interface
	keep func(seconds int) error // lets this node have the address for so long
	drop func() error
}

// Create implements resourcelock.Interface.
func (c carrier) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return c.carry(ctx, r, c.Interface.Create)
}

// Update implements resourcelock.Interface.
func (c carrier) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return c.carry(ctx, r, c.Interface.Update)
}

// carry writes the lease. Where it is given back, the address goes first; where
// it is taken, the address is kept until a while before others may take it, who
// count from the write, which came after its beginning.
func (c carrier) carry(ctx context.Context, r resourcelock.LeaderElectionRecord, write func(context.Context, resourcelock.LeaderElectionRecord) error) error {
	if r.HolderIdentity != c.Identity() {
		if err := c.drop(); err != nil {
			return err
		}
		return write(ctx, r)
	}
	began := time.Now()
	if err := write(ctx, r); err != nil {
		return err
	}
	if left := int((addressDuration - kernelDelay - time.Since(began)) / time.Second); left > 0 {
		return c.keep(left)
	}
	return nil
}

// keep has the address for so long and tells the neighbours where it is.
func (v VirtualAddress) keep(seconds int) error {
	link, err := v.link()
	if err != nil {
		return err
	}
	address := v.onLink()
	address.ValidLft, address.PreferedLft = seconds, seconds
	if err := netlink.AddrReplace(link, address); err != nil {
		return fmt.Errorf("give %s the address %s: %w", link.Attrs().Name, v.Address, err)
	}
	return tellNeighbours(link.Attrs(), v.Address)
}

func (v VirtualAddress) drop() error {
	link, err := v.link()
	if err != nil {
		return err
	}
	have, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	for _, a := range have {
		if !a.IP.Equal(v.Address.AsSlice()) {
			continue
		}
		if err := netlink.AddrDel(link, &a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) { // its time was over
			return fmt.Errorf("take the address %s: %w", v.Address, err)
		}
	}
	return nil
}

func (v VirtualAddress) onLink() *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: v.Address.AsSlice(), Mask: net.CIDRMask(32, 32)}}
}

// link is the interface that has the node's own address.
func (v VirtualAddress) link() (netlink.Link, error) {
	all, err := netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	for _, a := range all {
		if own, ok := netip.AddrFromSlice(a.IP); ok && own.Unmap() == v.Node {
			return netlink.LinkByIndex(a.LinkIndex)
		}
	}
	return nil, fmt.Errorf("no interface has the address %s", v.Node)
}
