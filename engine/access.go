package engine

import (
	"context"
	"net"
	"strconv"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/snapshot"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Access tells how to call a live cluster as its administrator, and with what;
// jeroboam.Conflict while the cluster has no API yet.
func (e *Engine) Access(ctx context.Context, cluster string) (coe.COE, coe.Access, error) {
	var c jeroboam.Cluster
	var authority jeroboam.Authority
	err := e.Store.View(ctx, func(tx store.Tx) (err error) {
		if c, err = store.Get[jeroboam.Cluster](tx, cluster); err != nil || c.Status.APIAddress == "" {
			return err
		}
		authority, err = store.Get[jeroboam.Authority](tx, jeroboam.AuthorityID(cluster, jeroboam.AuthorityMain))
		return err
	})
	if err != nil {
		return nil, coe.Access{}, err
	}
	d, err := e.Drivers.Of(c)
	if err != nil {
		return nil, coe.Access{}, err
	}
	if c.Status.APIAddress == "" {
		return nil, coe.Access{}, noAPI()
	}
	if e.Tunnel.name(c) != "" { // its address is our own door
		s, err := snapshot.Load(ctx, e.Store, cluster)
		if err != nil {
			return nil, coe.Access{}, err
		}
		a, err := e.accessTo(ctx, s)
		return d.COE, a, err
	}
	a, err := e.accessAt(ctx, d.COE, c, authority, c.Status.APIAddress)
	return d.COE, a, err
}

func noAPI() error {
	return jeroboam.Errorf(jeroboam.Conflict, "no-api", "The cluster has no API yet.")
}

func (e *Engine) accessTo(ctx context.Context, s *snapshot.Snapshot) (coe.Access, error) {
	d, err := e.Drivers.Of(s.Cluster)
	if err != nil {
		return coe.Access{}, err
	}
	authority, ok := s.Authority(jeroboam.AuthorityMain)
	if !ok || s.APIHost() == "" {
		return coe.Access{}, noAPI()
	}
	return e.accessAt(ctx, d.COE, s.Cluster, authority, endpointOf(d.COE.Traits(), s.APIHost()))
}

// accessAt is the access to a cluster at an endpoint.
func (e *Engine) accessAt(ctx context.Context, k coe.COE, c jeroboam.Cluster, authority jeroboam.Authority, endpoint string) (coe.Access, error) {
	who, err := e.authorities.Administrator(ctx, authority, k.Traits().Administrators)
	if err != nil {
		return coe.Access{}, err
	}
	return coe.Access{Cluster: c.ID, Endpoint: endpoint, CA: authority.Trust(), Cert: who.Cert, Key: who.Key, Dial: e.ways.To(c)}, nil
}

func endpointOf(t coe.Traits, host string) string {
	return t.Scheme + "://" + net.JoinHostPort(host, strconv.Itoa(t.APIPort))
}
