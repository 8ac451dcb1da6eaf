// Package credentials keeps in the vault what clusters show their cloud to be
// let in.
package credentials

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/pki"
	"github.com/jeroboam-cloud/jeroboam/vault"
)

// Credentials keeps them, by cluster and by the name of their line in the
// ledger.
type Credentials struct {
	Vault vault.Vault
}

// kept is what the vault has of one: first the secret that was chosen, then
// also what the cloud answered.
type kept struct {
	Secret jeroboam.Secret            `json:"secret"`
	Values map[string]jeroboam.Secret `json:"values,omitempty"`
}

// Choose chooses a credential's secret, once: the same is returned ever after.
func (c Credentials) Choose(ctx context.Context, cluster, name string) (jeroboam.Secret, error) {
	text, err := c.Vault.Ensure(ctx, cluster, place(name), func() (jeroboam.Secret, error) {
		return kept{Secret: pki.Random32()}.text(), nil
	})
	if err != nil {
		return "", fmt.Errorf("secret of credential %s: %w", name, err)
	}
	k, err := parse(text)
	return k.Secret, err
}

// Keep remembers what the cloud has answered to the secret: cloud.Credential's
// Values.
func (c Credentials) Keep(ctx context.Context, cluster, name string, secret jeroboam.Secret, values map[string]jeroboam.Secret) error {
	if err := c.Vault.Put(ctx, cluster, place(name), kept{secret, values}.text()); err != nil {
		return fmt.Errorf("keep credential %s: %w", name, err)
	}
	return nil
}

// Values is what Keep was given.
func (c Credentials) Values(ctx context.Context, cluster, name string) (map[string]jeroboam.Secret, error) {
	text, err := c.Vault.Get(ctx, cluster, place(name))
	if err != nil {
		return nil, fmt.Errorf("credential %s: %w", name, err)
	}
	k, err := parse(text)
	return k.Values, err
}

// Forget drops a credential that the cloud has deleted.
func (c Credentials) Forget(ctx context.Context, cluster, name string) error {
	if err := c.Vault.Delete(ctx, cluster, place(name)); err != nil {
		return fmt.Errorf("forget credential %s: %w", name, err)
	}
	return nil
}

func place(name string) string { return "credential/" + name }

func (k kept) text() jeroboam.Secret {
	text, err := json.Marshal(k)
	if err != nil {
		panic(err) // plain data
	}
	return jeroboam.Secret(text)
}

func parse(text jeroboam.Secret) (k kept, err error) {
	if json.Unmarshal([]byte(text.Reveal()), &k) != nil {
		err = jeroboam.Errorf(jeroboam.Internal, "credential", "The vault holds a credential that cannot be read.")
	}
	return k, err
}
