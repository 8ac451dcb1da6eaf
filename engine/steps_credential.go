package engine

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// makeCredential has the cloud make the credential of the wanted generation.
func (t task) makeCredential(ctx context.Context) error {
	name := plan.CredentialName(t.snap.Cluster)
	maker, ok := t.driver.Cloud.(cloud.Credentials)
	if !ok {
		return jeroboam.Errorf(jeroboam.Internal, "credential", "The cloud gives no credentials, though it says so.")
	}
	secret, err := t.run.credentials.Choose(ctx, t.run.id, name)
	if err != nil {
		return err
	}
	if err := t.intended(ctx, jeroboam.KindCredential, name); err != nil {
		return err
	}
	var made cloud.Credential
	err = t.call(ctx, "ensure credential", func() (err error) {
		made, err = maker.EnsureCredential(ctx, t.scope(), cloud.CredentialSpec{Name: name, Secret: secret})
		return err
	})
	if err != nil {
		return err
	}
	if err := t.run.credentials.Keep(ctx, t.run.id, name, secret, made.Values); err != nil {
		return err
	}
	return t.commit(ctx, func(tx store.Tx) error {
		return t.run.ledger.Made(tx, t.snap.Cluster, jeroboam.KindCredential, name, made.CloudID, nil)
	})
}
