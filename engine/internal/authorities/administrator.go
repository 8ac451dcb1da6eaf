package authorities

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/pki"
)

// administratorLife is how long the service's own certificate for a cluster is
// valid; it is in memory only and made again at half its life.
const administratorLife = 24 * time.Hour

// Administrator is with what the service calls a cluster.
type Administrator struct {
	Cert string // PEM
	Key  jeroboam.Secret
}

// administrators has one for each cluster. There may be many thousands: what the
// records hold is not kept once more.
type administrators struct {
	mu    sync.Mutex
	known map[string]issued // by cluster ID
}

type issued struct {
	Administrator
	authority [sha256.Size]byte // of its Trust: who signed it comes first
	renew     time.Time
}

// Administrator is the service's own certificate for an authority's cluster, of
// an organization if that is not "".
func (a *Authorities) Administrator(ctx context.Context, of jeroboam.Authority, organization string) (Administrator, error) {
	signer := sha256.Sum256([]byte(of.Trust()))
	if have, ok := a.administrators.find(of.Cluster, signer, a.Now()); ok {
		return have, nil
	}
	made, err := a.administrator(ctx, of, organization)
	if err != nil {
		return Administrator{}, fmt.Errorf("administrator's certificate: %w", err)
	}
	a.administrators.put(of.Cluster, issued{made, signer, a.Now().Add(administratorLife / 2)}, a.Now())
	return made, nil
}

func (a *Authorities) administrator(ctx context.Context, of jeroboam.Authority, organization string) (Administrator, error) {
	issuer, err := a.Issuer(ctx, of)
	if err != nil {
		return Administrator{}, err
	}
	key, keyPEM, err := pki.NewKey()
	if err != nil {
		return Administrator{}, err
	}
	request := pki.Request{PublicKey: key.Public(), CommonName: "jeroboam-engine", Client: true, Life: administratorLife}
	if organization != "" {
		request.Organization = []string{organization}
	}
	cert, err := issuer.Issue(request, a.Now())
	return Administrator{cert, keyPEM}, err
}

// Forget drops what is in memory of a cluster that is no more.
func (a *Authorities) Forget(cluster string) {
	a.administrators.mu.Lock()
	defer a.administrators.mu.Unlock()
	delete(a.administrators.known, cluster)
}

func (a *administrators) find(cluster string, authority [sha256.Size]byte, now time.Time) (Administrator, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v, ok := a.known[cluster]
	return v.Administrator, ok && v.authority == authority && now.Before(v.renew)
}

func (a *administrators) put(cluster string, v issued, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil {
		a.known = map[string]issued{}
	}
	// Another server of the database may have deleted clusters of these.
	maps.DeleteFunc(a.known, func(_ string, old issued) bool { return now.After(old.renew) })
	a.known[cluster] = v
}
