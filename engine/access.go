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
	var inside string // where the API of one is whose address is our own door
	err := e.Store.View(ctx, func(tx store.Tx) (err error) {
		if c, err = store.Get[jeroboam.Cluster](tx, cluster); err != nil || c.Status.APIAddress == "" {
			return err
		}
		authority, err = store.Get[jeroboam.Authority](tx, jeroboam.AuthorityID(cluster, jeroboam.AuthorityMain))
		if err != nil || e.Tunnel.name(c) == "" {
			return err
		}
		inside, err = snapshot.APIHost(tx, c)
		return err
	})
	if err != nil {
		return nil, coe.Access{}, err
	}
	d, err := e.Drivers.Of(c)
	if err != nil {
		return nil, coe.Access{}, err
	}
	endpoint := c.Status.APIAddress
	if e.Tunnel.name(c) != "" {
		endpoint = endpointOf(d.COE.Traits(), inside)
	}
	a, err := e.accessAt(ctx, d.COE, c, authority, endpoint)
	return d.COE, a, err
}

// accessTo is Access to a cluster that was read.
func (e *Engine) accessTo(ctx context.Context, d Driver, s *snapshot.Snapshot) (coe.Access, error) {
	authority, ok := s.Authority(jeroboam.AuthorityMain)
	if !ok {
		return coe.Access{}, noAPI()
	}
	return e.accessAt(ctx, d.COE, s.Cluster, authority, endpointOf(d.COE.Traits(), s.APIHost()))
}

// accessAt is the access to a cluster at an endpoint, "" for none yet.
func (e *Engine) accessAt(ctx context.Context, k coe.COE, c jeroboam.Cluster, authority jeroboam.Authority, endpoint string) (coe.Access, error) {
	if endpoint == "" {
		return coe.Access{}, noAPI()
	}
	who, err := e.authorities.Administrator(ctx, authority, k.Traits().Administrators)
	if err != nil {
		return coe.Access{}, err
	}
	return coe.Access{Cluster: c.ID, Endpoint: endpoint, CA: authority.Trust(), Cert: who.Cert, Key: who.Key, Dial: e.ways.To(c)}, nil
}

func noAPI() error {
	return jeroboam.Errorf(jeroboam.Conflict, "no-api", "The cluster has no API yet.")
}

// endpointOf is the URL of the API at a host, "" while that is not known.
func endpointOf(t coe.Traits, host string) string {
	if host == "" {
		return ""
	}
	return t.Scheme + "://" + net.JoinHostPort(host, strconv.Itoa(t.APIPort))
}
