package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

// Noun is any document this package can keep.
type Noun interface {
	jeroboam.Cluster | jeroboam.NodeGroup | jeroboam.Template | jeroboam.Machine |
		jeroboam.Operation | jeroboam.Step | jeroboam.Event | jeroboam.Resource | jeroboam.Quota |
		jeroboam.Usage | jeroboam.Authority | jeroboam.Federation | Sealed | VaultKey | Token
}

// Sealed is a secret as the vault leaves it in the store: its ciphertext, or
// where another service keeps it. It is found by its key too (Query.Name).
type Sealed struct {
	ID       string `json:"id"`            // owner + "/" + name
	Owner    string `json:"owner"`         // cluster ID, or "service"
	KeyID    string `json:"key_id"`        // the VaultKey that seals Box; "": there is no Box
	Box      []byte `json:"box"`           // nonce and AES-GCM ciphertext
	Ref      string `json:"ref,omitempty"` // its ID in the service that keeps it
	Revision int64  `json:"-"`
	Seq      int64  `json:"-"`
}

// VaultKey is a key that seals secrets, itself sealed by a root key that the
// store does not hold. The newest seals what is new.
type VaultKey struct {
	ID        string    `json:"id"`                 // hex of the first half of the key's SHA-256
	Root      string    `json:"root"`               // ID of the root key
	Box       []byte    `json:"box"`                // as the root sealed it
	Retiring  bool      `json:"retiring,omitempty"` // it seals nothing more, and goes when nothing is left under it
	CreatedAt time.Time `json:"created_at"`
	Revision  int64     `json:"-"`
	Seq       int64     `json:"-"`
}

// Token is a one-time join token, by its SHA-256 only.
type Token struct {
	ID       string `json:"id"` // hex SHA-256 of the token
	Machine  string `json:"machine"`
	Cluster  string `json:"cluster"`
	Used     bool   `json:"used"`
	Key      string `json:"key,omitempty"` // hex SHA-256 of the public key that spent it
	Revision int64  `json:"-"`
	Seq      int64  `json:"-"`
}

// View returns what f finds in a read-only snapshot.
func View[T any](ctx context.Context, b Backend, f func(Tx) (T, error)) (out T, err error) {
	err = b.View(ctx, func(tx Tx) (err error) {
		out, err = f(tx)
		return err
	})
	return out, err
}

// Update returns what f makes of a transaction that commits if f has no error.
func Update[T any](ctx context.Context, b Backend, f func(Tx) (T, error)) (out T, err error) {
	err = b.Update(ctx, func(tx Tx) (err error) {
		out, err = f(tx)
		return err
	})
	return out, err
}

// Get reads one noun; a missing one is jeroboam.NotFound.
func Get[T Noun](tx Tx, id string) (T, error) {
	var zero T
	r, err := tx.Get(kindOf(zero), id)
	if err != nil {
		return zero, err
	}
	return decode[T](r)
}

// List reads the nouns that q selects; q.Kind is filled in.
func List[T Noun](tx Tx, q Query) ([]T, error) {
	var zero T
	q.Kind = kindOf(zero)
	records, err := tx.List(q)
	if err != nil {
		return nil, err
	}
	out := make([]T, 0, len(records))
	for _, r := range records {
		v, err := decode[T](r)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// Count counts the nouns that q selects; q.Kind is filled in.
func Count[T Noun](tx Tx, q Query) (int, error) {
	var zero T
	q.Kind = kindOf(zero)
	return tx.Count(q)
}

// Put writes *v and gives it its new Revision and Seq.
func Put[T Noun](tx Tx, v *T) error {
	r, err := encode(*v)
	if err != nil {
		return err
	}
	if r, err = tx.Put(r); err != nil {
		return err
	}
	stamp(v, r)
	return nil
}

// Change reads a noun, lets f change it and writes it back. f reports whether
// there is anything to write. A noun that is no more is jeroboam.NotFound.
func Change[T Noun](tx Tx, id string, f func(*T) bool) (T, error) {
	v, err := Get[T](tx, id)
	if err != nil || !f(&v) {
		return v, err
	}
	return v, Put(tx, &v)
}

// Edit is a Change that is always worth a write.
func Edit[T Noun](tx Tx, id string, f func(*T)) (T, error) {
	return Change(tx, id, func(v *T) bool { f(v); return true })
}

// Delete removes v at the revision it was read with; absent is success.
func Delete[T Noun](tx Tx, v T) error {
	r := columns(v)
	err := tx.Delete(r.Kind, r.ID, r.Revision)
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return nil
	}
	return err
}

func decode[T Noun](r Record) (T, error) {
	var v T
	if err := json.Unmarshal(r.Data, &v); err != nil {
		return v, fmt.Errorf("decode %s %s: %w", r.Kind, r.ID, err)
	}
	stamp(&v, r)
	return v, nil
}
