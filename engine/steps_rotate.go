package engine

import (
	"context"
	"fmt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/pki"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// trust makes the next generation of authorities. From now on machines trust
// it, and nothing is signed with it yet.
func (t task) trust(ctx context.Context) error {
	next := map[string]string{} // certificates by name
	for _, name := range t.step.Targets {
		a, _ := t.snap.Authority(name)
		cert, err := t.run.authorities.Next(ctx, t.snap.Cluster, a)
		if err != nil {
			return fmt.Errorf("next authority %s: %w", name, err)
		}
		next[name] = cert
	}
	return t.changeAuthorities(ctx, func(a *jeroboam.Authority) bool {
		fresh := a.Next == "" && a.Former == ""
		if fresh {
			a.Next = next[a.Name]
		}
		return fresh
	})
}

// reissue lets the next generation sign: the machines ask for all their
// certificates anew.
func (t task) reissue(ctx context.Context) error {
	return t.changeAuthorities(ctx, func(a *jeroboam.Authority) bool {
		cert, err := pki.ParseCertificate(a.Next)
		if err != nil {
			return false // there is no next one: it signs already
		}
		a.PEM, a.Next, a.Former = a.Next, "", a.PEM
		a.Generation++
		a.NotAfter = cert.NotAfter
		return true
	})
}

// retire forgets the generation before, key first: what it has signed is
// nobody's any more.
func (t task) retire(ctx context.Context) error {
	for _, name := range t.step.Targets {
		a, _ := t.snap.Authority(name)
		if err := t.run.authorities.Retire(ctx, a); err != nil {
			return fmt.Errorf("forget the former authority %s: %w", name, err)
		}
	}
	return t.changeAuthorities(ctx, func(a *jeroboam.Authority) bool {
		had := a.Former != ""
		a.Former = ""
		return had
	})
}

// changeAuthorities changes the step's authorities in one transaction, so that
// machines never see some of them changed and others not.
func (t task) changeAuthorities(ctx context.Context, f func(*jeroboam.Authority) bool) error {
	return t.commit(ctx, func(tx store.Tx) error {
		for _, name := range t.step.Targets {
			if _, err := store.Change(tx, jeroboam.AuthorityID(t.run.id, name), f); err != nil {
				return err
			}
		}
		return nil
	})
}
