package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/snapshot"
	"github.com/jeroboam-cloud/jeroboam/pki"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// credential is what the vault keeps of a cluster's credential: first the
// secret that was chosen, then also what the cloud answered.
type credential struct {
	Secret jeroboam.Secret            `json:"secret"`
	Values map[string]jeroboam.Secret `json:"values,omitempty"`
}

// credentialSecret is where the vault keeps it.
func credentialSecret(name string) string { return "credential/" + name }

// makeCredential has the cloud make the credential of the wanted generation.
func (t task) makeCredential(ctx context.Context) error {
	name := plan.CredentialName(t.snap.Cluster)
	credentials, ok := t.driver.Cloud.(cloud.Credentials)
	if !ok {
		return jeroboam.Errorf(jeroboam.Internal, "credential", "The cloud gives no credentials, though it says so.")
	}
	kept, err := t.chooseSecret(ctx, name)
	if err != nil {
		return err
	}
	if err := t.intended(ctx, jeroboam.KindCredential, name); err != nil {
		return err
	}
	var made cloud.Credential
	err = t.call(ctx, "ensure credential", func() (err error) {
		made, err = credentials.EnsureCredential(ctx, t.scope(), cloud.CredentialSpec{Name: name, Secret: kept.Secret})
		return err
	})
	if err != nil {
		return err
	}
	kept.Values = made.Values
	if err := t.run.Vault.Put(ctx, t.run.id, credentialSecret(name), kept.text()); err != nil {
		return fmt.Errorf("keep credential %s: %w", name, err)
	}
	return t.commit(ctx, func(tx store.Tx) error {
		return t.run.ledger.Made(tx, t.snap.Cluster, jeroboam.KindCredential, name, made.CloudID, nil)
	})
}

// chooseSecret chooses a credential's secret, once.
func (t task) chooseSecret(ctx context.Context, name string) (credential, error) {
	text, err := t.run.Vault.Ensure(ctx, t.run.id, credentialSecret(name), func() (jeroboam.Secret, error) {
		return credential{Secret: pki.Random32()}.text(), nil
	})
	if err != nil {
		return credential{}, fmt.Errorf("secret of credential %s: %w", name, err)
	}
	return parseCredential(text)
}

func (c credential) text() jeroboam.Secret {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // plain data
	}
	return jeroboam.Secret(text)
}

func parseCredential(text jeroboam.Secret) (c credential, err error) {
	if json.Unmarshal([]byte(text.Reveal()), &c) != nil {
		err = jeroboam.Errorf(jeroboam.Internal, "credential", "The vault holds a credential that cannot be read.")
	}
	return c, err
}

// credential is the cluster's credential by now, nil if it has none: that of
// the wanted generation, or one before while that is not made.
func (e *Engine) credential(ctx context.Context, s *snapshot.Snapshot) (map[string]jeroboam.Secret, error) {
	line, ok := s.Credential()
	if !ok {
		return nil, nil
	}
	text, err := e.Vault.Get(ctx, s.Cluster.ID, credentialSecret(line.Name))
	if err != nil {
		return nil, fmt.Errorf("credential %s: %w", line.Name, err)
	}
	c, err := parseCredential(text)
	return c.Values, err
}
