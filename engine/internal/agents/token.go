package agents

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Invite gives a machine that is about to be made its one-time token; a former
// one is good for nothing any more.
func Invite(tx store.Tx, m jeroboam.Machine) (jeroboam.Secret, error) {
	if err := Disinvite(tx, m); err != nil {
		return "", err
	}
	token := rand.Text() + rand.Text()
	return jeroboam.Secret(token), store.Put(tx, &store.Token{ID: tokenID(token), Machine: m.ID, Cluster: m.Cluster})
}

// Disinvite forgets the token of a machine that is no more.
func Disinvite(tx store.Tx, m jeroboam.Machine) error {
	tokens, err := store.List[store.Token](tx, store.Query{Parent: m.Cluster, Name: m.ID})
	if err != nil {
		return err
	}
	for _, v := range tokens {
		if err := store.Delete(tx, v); err != nil {
			return err
		}
	}
	return nil
}

// tokenID is what the store keeps of a join token.
func tokenID(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Join spends a machine's token; the same key may spend it again.
func (a *Agents) Join(ctx context.Context, machine, token, fingerprint string) error {
	defer a.Pace.Work(ctx)()
	return store.Retry(ctx, a.Store, func(tx store.Tx) error {
		t, err := store.Get[store.Token](tx, tokenID(token))
		if jeroboam.KindOf(err) == jeroboam.NotFound || (err == nil && (t.Machine != machine || (t.Used && t.Key != fingerprint))) {
			return jeroboam.Errorf(jeroboam.Unauthenticated, "join-token", "The join token is not this machine's, or was spent.")
		}
		if err != nil {
			return err
		}
		if !t.Used {
			t.Used, t.Key = true, fingerprint
			if err := store.Put(tx, &t); err != nil {
				return err
			}
		}
		return a.noteIn(tx, machine, func(m *jeroboam.Machine) bool {
			if !m.Status.JoinedAt.IsZero() {
				return false
			}
			m.Status.JoinedAt = a.Now().UTC()
			return true
		})
	})
}
