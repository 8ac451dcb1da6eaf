package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// lease is one that tells what became of it.
type lease struct {
	resourcelock.Interface
	takes time.Duration
	err   error
	did   *[]string
}

func (l lease) Identity() string { return "me" }

func (l lease) Update(_ context.Context, r resourcelock.LeaderElectionRecord) error {
	time.Sleep(l.takes)
	*l.did = append(*l.did, "write "+r.HolderIdentity)
	return l.err
}

func TestAnAddressGoesWithItsLease(t *testing.T) {
	for _, c := range []struct {
		name   string
		holder string
		takes  time.Duration
		err    error
		want   []string
	}{
		{"a lease that is renewed keeps it", "me", 0, nil, []string{"write me", "keep for 4"}},
		{"a slow renewal keeps it for less", "me", 2 * time.Second, nil, []string{"write me", "keep for 2"}},
		{"one that is over when it is written keeps nothing", "me", 5 * time.Second, nil, []string{"write me"}},
		{"one that fails keeps nothing", "me", 0, errors.New("away"), []string{"write me"}},
		{"it is dropped before the lease is given back", "", 0, nil, []string{"drop", "write "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var did []string
				carried := carrier{Interface: lease{takes: c.takes, err: c.err, did: &did},
					keep: func(seconds int) error { did = append(did, "keep for "+string(rune('0'+seconds))); return nil },
					drop: func() error { did = append(did, "drop"); return nil }}
				err := carried.Update(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: c.holder})
				if !slices.Equal(did, c.want) || !errors.Is(err, c.err) {
					t.Errorf("got %q, %v, want %q, %v", did, err, c.want, c.err)
				}
			})
		})
	}
}

// Who has the address may not have it any more when another may take it.
func TestNobodyKeepsAnAddressLongerThanItsLease(t *testing.T) {
	for elapsed := time.Duration(0); elapsed < 2*addressDuration; elapsed += 50 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			var until time.Duration
			carried := carrier{Interface: lease{takes: elapsed, did: new([]string)},
				keep: func(seconds int) error {
					until = elapsed + time.Duration(seconds)*time.Second + kernelDelay
					return nil
				}}
			if err := carried.Update(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: "me"}); err != nil {
				t.Fatal(err)
			}
			if until > addressDuration {
				t.Errorf("a write of %v keeps the address for %v, the lease is for %v", elapsed, until, addressDuration)
			}
		})
	}
}

func TestAnAnnouncementIsAnARPRequestForOneself(t *testing.T) {
	mac := net.HardwareAddr{2, 1, 2, 3, 4, 5}
	got := announcement(mac, netip.MustParseAddr("10.0.0.5"))
	want := []byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 1, 2, 3, 4, 5, 10, 0, 0, 5, 0, 0, 0, 0, 0, 0, 10, 0, 0, 5}
	if !bytes.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
