package engine_test

import (
	"context"
	"fmt"
	"net"
	"reflect"
	"sync"
	"syscall"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
	"github.com/jeroboam-cloud/jeroboam/engine"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// ways notes how APIs are dialled, and leads nowhere.
type ways struct {
	mu   sync.Mutex
	gone []string
}

func (w *ways) straight(_ context.Context, _, address string) (net.Conn, error) {
	w.note("straight to " + address)
	return nil, syscall.EHOSTUNREACH
}

func (w *ways) round(_ context.Context, server, machine string) (net.Conn, error) {
	w.note("round by " + machine + server)
	return nil, jeroboam.Errorf(jeroboam.Unavailable, "agent-away", "It is away.")
}

func (w *ways) note(way string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = append(w.gone, way)
}

func labelled(access string) func(*jeroboam.ClusterSpec) {
	return func(s *jeroboam.ClusterSpec) { s.Labels = map[string]string{"api_access": access} }
}

func TestHowAnAPIIsCalled(t *testing.T) {
	for access, want := range map[string]struct {
		ways    []string
		address string // api_address
	}{
		jeroboam.APIDirect: {[]string{"straight to ADDRESS"}, "https://ADDRESS"},
		"":                 {[]string{"straight to ADDRESS", "round by MASTER"}, "https://ADDRESS"},
		jeroboam.APITunnel: {[]string{"round by MASTER"}, "https://c1.clusters.example.org:443"},
	} {
		t.Run("api_access="+access, func(t *testing.T) {
			var w ways
			h := open(t, cloudsim.Options{}, func(o *engine.Options) {
				o.Dial = w.straight
				o.Tunnel = engine.Tunnel{Dial: w.round, Domain: "clusters.example.org", Port: "443"}
			})
			master := h.made("c1", 1, 1, labelled(access))["c1-master-0"]
			_, to, err := h.engine.Access(t.Context(), "c1")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := to.Dial(t.Context(), "tcp", "ADDRESS"); err == nil {
				t.Error("there is a way")
			}
			for i := range want.ways {
				if want.ways[i] == "round by MASTER" {
					want.ways[i] = "round by " + master.ID
				}
			}
			if !reflect.DeepEqual(w.gone, want.ways) {
				t.Errorf("went %v, want %v", w.gone, want.ways)
			}
			if want.address == "https://ADDRESS" {
				want.address = to.Endpoint
			}
			if got := get[jeroboam.Cluster](h, "c1").Status.APIAddress; got != want.address {
				t.Errorf("api_address is %s, want %s", got, want.address)
			}
			if host := fmt.Sprintf("https://%s:6443", master.Status.Address); to.Endpoint != host {
				t.Errorf("the service calls %s, want %s", to.Endpoint, host)
			}
		})
	}
}

func TestUsersPassToClustersThatChoseIt(t *testing.T) {
	var w ways
	h := open(t, cloudsim.Options{}, func(o *engine.Options) { o.Tunnel.Dial = w.round })
	h.made("direct", 1, 0)
	master := h.made("tunnel", 1, 0, labelled("tunnel"))["tunnel-master-0"]
	for _, cluster := range []string{"direct", "none"} {
		_, err := h.engine.Passage(t.Context(), cluster)
		h.want(err, jeroboam.NotFound)
	}
	_, err := h.engine.Passage(t.Context(), "tunnel")
	h.want(err, jeroboam.Unavailable)

	// Its agent calls another server, which may have an address or not.
	for _, url := range []string{"", "https://b.example.org:9512"} {
		h.update(func(tx store.Tx) error {
			m, err := store.Get[jeroboam.Machine](tx, master.ID)
			if err != nil {
				return err
			}
			m.Status.Server, m.Status.ServerURL = "another", url
			return store.Put(tx, &m)
		})
		_, err = h.engine.Passage(t.Context(), "tunnel")
		h.want(err, jeroboam.Unavailable)
	}
	want := []string{"round by " + master.ID, "round by " + master.ID + "https://b.example.org:9512"}
	if !reflect.DeepEqual(w.gone, want) {
		t.Errorf("went %v, want %v", w.gone, want)
	}
}
