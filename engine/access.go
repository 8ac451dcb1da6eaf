package engine

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/snapshot"
	"github.com/jeroboam-cloud/jeroboam/pki"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// How long our own administrator's certificate lives; it is in memory only and
// made again at half its life.
const administratorLife = 24 * time.Hour

// accesses keeps one administrator's certificate per cluster in memory. There
// may be many thousands: what the records hold is not kept once more.
type accesses struct {
	mu    sync.Mutex
	known map[string]issued // by cluster ID
}

type issued struct {
	cert      string // PEM
	key       jeroboam.Secret
	authority [sha256.Size]byte // of its Trust: who signed it comes first
	renew     time.Time
}

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
	d, err := e.driver(c)
	if err != nil {
		return nil, coe.Access{}, err
	}
	if c.Status.APIAddress == "" {
		return nil, coe.Access{}, noAPI()
	}
	if e.publicName(c) != "" { // its address is our own door
		s, err := snapshot.Load(ctx, e.Store, cluster)
		if err != nil {
			return nil, coe.Access{}, err
		}
		a, err := e.accessTo(ctx, s)
		return d.COE, a, err
	}
	a, err := e.accessAt(ctx, d.COE, authority, c.Status.APIAddress)
	a.Dial = e.ways.To(c)
	return d.COE, a, err
}

func noAPI() error {
	return jeroboam.Errorf(jeroboam.Conflict, "no-api", "The cluster has no API yet.")
}

func (e *Engine) accessTo(ctx context.Context, s *snapshot.Snapshot) (coe.Access, error) {
	d, err := e.driver(s.Cluster)
	if err != nil {
		return coe.Access{}, err
	}
	authority, ok := s.Authority(jeroboam.AuthorityMain)
	if !ok || s.APIHost() == "" {
		return coe.Access{}, noAPI()
	}
	a, err := e.accessAt(ctx, d.COE, authority, endpointOf(d.COE.Traits(), s.APIHost()))
	a.Dial = e.ways.To(s.Cluster)
	return a, err
}

// accessAt is the access to the authority's cluster at an endpoint, but for the
// way there.
func (e *Engine) accessAt(ctx context.Context, k coe.COE, authority jeroboam.Authority, endpoint string) (coe.Access, error) {
	signer := sha256.Sum256([]byte(authority.Trust()))
	have, ok := e.access.find(authority.Cluster, signer, e.Now())
	if !ok {
		key, cert, err := e.administrator(ctx, authority, k.Traits().Administrators)
		if err != nil {
			return coe.Access{}, fmt.Errorf("administrator's certificate: %w", err)
		}
		have = issued{cert: cert, key: key, authority: signer, renew: e.Now().Add(administratorLife / 2)}
		e.access.put(authority.Cluster, have)
	}
	return coe.Access{Cluster: authority.Cluster, Endpoint: endpoint, CA: authority.Trust(), Cert: have.cert, Key: have.key}, nil
}

func endpointOf(t coe.Traits, host string) string {
	return t.Scheme + "://" + net.JoinHostPort(host, strconv.Itoa(t.APIPort))
}

func (e *Engine) administrator(ctx context.Context, a jeroboam.Authority, organization string) (jeroboam.Secret, string, error) {
	issuer, err := e.issuer(ctx, a)
	if err != nil {
		return "", "", err
	}
	key, keyPEM, err := pki.NewKey()
	if err != nil {
		return "", "", err
	}
	request := pki.Request{PublicKey: key.Public(), CommonName: "jeroboam-engine", Client: true, Life: administratorLife}
	if organization != "" {
		request.Organization = []string{organization}
	}
	cert, err := issuer.Issue(request, e.Now())
	return keyPEM, cert, err
}

// issuer loads an authority with its key from the vault.
func (e *Engine) issuer(ctx context.Context, a jeroboam.Authority) (*pki.Issuer, error) {
	key, err := e.Vault.Get(ctx, a.Cluster, a.KeyName(a.Generation))
	if err != nil {
		return nil, fmt.Errorf("key of authority %s: %w", a.ID, err)
	}
	return pki.Load(a.PEM, key)
}

func (a *accesses) find(cluster string, authority [sha256.Size]byte, now time.Time) (issued, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v, ok := a.known[cluster]
	return v, ok && v.authority == authority && now.Before(v.renew)
}

func (a *accesses) put(cluster string, v issued) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil {
		a.known = map[string]issued{}
	}
	a.known[cluster] = v
}

func (a *accesses) forget(cluster string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.known, cluster)
}
