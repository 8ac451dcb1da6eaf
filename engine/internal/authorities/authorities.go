// Package authorities makes the authorities of clusters and signs with them:
// their certificates are records, their keys are in the vault.
package authorities

import (
	"context"
	"fmt"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/pki"
	"github.com/jeroboam-cloud/jeroboam/vault"
)

// life is how long an authority is valid.
const life = 10 * 365 * 24 * time.Hour

// Authorities makes and uses them. It is safe for concurrent use.
type Authorities struct {
	Vault vault.Vault
	Now   func() time.Time

	administrators administrators
}

// Make makes a first authority, its key into the vault. One that was made
// before and not written down is replaced: nothing was signed with it.
func (a *Authorities) Make(ctx context.Context, c jeroboam.Cluster, name string) (jeroboam.Authority, error) {
	now := a.Now().UTC()
	cert, key, err := pki.NewAuthority(commonName(c, name), now, life)
	if err != nil {
		return jeroboam.Authority{}, err
	}
	if err := a.Vault.Put(ctx, c.ID, name, key); err != nil {
		return jeroboam.Authority{}, err
	}
	return jeroboam.Authority{ID: jeroboam.AuthorityID(c.ID, name), Cluster: c.ID, Project: c.Project, Name: name, PEM: cert,
		NotAfter: now.Add(life), CreatedAt: now}, nil
}

// Next makes the certificate of an authority's next generation, and its key
// once, whoever asks how often: two certificates of one key are as good as one.
func (a *Authorities) Next(ctx context.Context, c jeroboam.Cluster, of jeroboam.Authority) (cert string, err error) {
	key, err := a.Vault.Ensure(ctx, c.ID, of.KeyName(of.Generation+1), func() (jeroboam.Secret, error) {
		_, key, err := pki.NewKey()
		return key, err
	})
	if err != nil {
		return "", err
	}
	return pki.SelfSign(key, commonName(c, of.Name), a.Now().UTC(), life)
}

// Retire forgets the key of the generation before.
func (a *Authorities) Retire(ctx context.Context, of jeroboam.Authority) error {
	return a.Vault.Delete(ctx, of.Cluster, of.KeyName(of.Generation-1))
}

// Issuer signs with an authority.
func (a *Authorities) Issuer(ctx context.Context, of jeroboam.Authority) (*pki.Issuer, error) {
	key, err := a.Vault.Get(ctx, of.Cluster, of.KeyName(of.Generation))
	if err != nil {
		return nil, fmt.Errorf("key of authority %s: %w", of.ID, err)
	}
	return pki.Load(of.PEM, key)
}

// commonName is the common name of an authority of any generation.
func commonName(c jeroboam.Cluster, name string) string {
	if name == jeroboam.AuthorityMain {
		return c.Name
	}
	return c.Name + " " + name
}
