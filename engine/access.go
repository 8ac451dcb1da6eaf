package engine

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/pki"
)

// How long our own administrator's certificate lives; it is in memory only and
// made again at half its life.
const administratorLife = 24 * time.Hour

// accesses keeps one administrator's certificate per cluster in memory.
type accesses struct {
	mu    sync.Mutex
	known map[string]issued // by cluster ID
}

type issued struct {
	access    coe.Access
	authority string // its Trust: who signed it comes first
	renew     time.Time
}

// Access tells how to call a live cluster as its administrator, and with what;
// jeroboam.Conflict while the cluster has no API yet.
func (e *Engine) Access(ctx context.Context, cluster string) (coe.COE, coe.Access, error) {
	s, err := e.load(ctx, cluster)
	if err != nil {
		return nil, coe.Access{}, err
	}
	d, err := e.driver(s.cluster)
	if err != nil {
		return nil, coe.Access{}, err
	}
	a, err := e.accessTo(ctx, s)
	return d.COE, a, err
}

func (e *Engine) accessTo(ctx context.Context, s *snapshot) (coe.Access, error) {
	d, err := e.driver(s.cluster)
	if err != nil {
		return coe.Access{}, err
	}
	authority, ok := s.authority(jeroboam.AuthorityMain)
	if !ok || s.apiHost() == "" {
		return coe.Access{}, jeroboam.Errorf(jeroboam.Conflict, "no-api", "The cluster has no API yet.")
	}
	endpoint := endpointOf(d.COE.Traits(), s.apiHost())
	if a, ok := e.access.find(s.cluster.ID, endpoint, authority.Trust(), e.Now()); ok {
		return a, nil
	}
	key, cert, err := e.administrator(ctx, authority, d.COE.Traits().Administrators)
	if err != nil {
		return coe.Access{}, fmt.Errorf("administrator's certificate: %w", err)
	}
	a := coe.Access{Cluster: s.cluster.ID, Endpoint: endpoint, CA: authority.Trust(), Cert: cert, Key: key, Dial: e.Dial}
	e.access.put(s.cluster.ID, issued{access: a, authority: authority.Trust(), renew: e.Now().Add(administratorLife / 2)})
	return a, nil
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

func (a *accesses) find(cluster, endpoint, authority string, now time.Time) (coe.Access, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v, ok := a.known[cluster]
	ok = ok && v.access.Endpoint == endpoint && v.authority == authority && now.Before(v.renew)
	return v.access, ok
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
