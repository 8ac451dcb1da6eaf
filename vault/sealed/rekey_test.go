package sealed_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
	"github.com/jeroboam-cloud/jeroboam/vault"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed/keyfile"
)

func rekey(t *testing.T, v *sealed.Vault) sealed.Rekeyed {
	t.Helper()
	done, err := v.Rekey(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func look(t *testing.T, db store.Backend, files ...string) sealed.Status {
	t.Helper()
	s, err := sealed.Look(ctx, db, roots(files...)...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantOneKey wants everything under one key, which opens.
func wantOneKey(t *testing.T, db store.Backend, secrets int, files ...string) string {
	t.Helper()
	s := look(t, db, files...)
	if len(s.Keys) != 1 || s.Keys[0].Problem != nil || s.Keys[0].Retiring || s.Keys[0].Secrets != secrets || s.Secrets != secrets || s.Rooted != 0 {
		t.Fatalf("%+v, want %d secrets under one key", s, secrets)
	}
	return s.Keys[0].ID
}

// putMany puts n secrets of three owners and returns what they should be.
func putMany(t *testing.T, v *sealed.Vault, n int) map[string]string {
	t.Helper()
	want := map[string]string{}
	for i := range n {
		owner, name := fmt.Sprint("c", i%3), fmt.Sprint("s", i)
		want[owner+"/"+name] = fmt.Sprint("secret ", i)
		put(t, v, owner, name, want[owner+"/"+name])
	}
	return want
}

func wantAll(t *testing.T, v *sealed.Vault, want map[string]string) {
	t.Helper()
	for id, secret := range want {
		if got, err := v.Get(ctx, id[:2], id[3:]); err != nil || got.Reveal() != secret {
			t.Errorf("%s = %q, %v; want %q", id, got.Reveal(), err, secret)
		}
	}
}

func TestRekeySealsEverythingAnew(t *testing.T) {
	db, file := memory.New(), filepath.Join(t.TempDir(), "keys")
	v, other := open(t, db, file), open(t, db, file)
	want := putMany(t, v, 230)
	before := wantOneKey(t, db, 230, file)
	done := rekey(t, v)
	after := wantOneKey(t, db, 230, file)
	if after == before || done.Key != after || done.Secrets != 230 || len(done.Retired) != 1 || done.Retired[0] != before {
		t.Errorf("%+v, from %s to %s", done, before, after)
	}
	wantAll(t, v, want)
	wantAll(t, other, want) // has not heard of it
	put(t, other, "c1", "new", "one")
	wantOneKey(t, db, 231, file)
}

var errPulled = errors.New("the plug is pulled")

// plug is a store that is gone after so many more commits, with or without the
// last one's answer.
type plug struct {
	store.Backend
	left int
	lost bool // the last commit happens, and nobody hears of it
}

func (p *plug) Update(ctx context.Context, f func(store.Tx) error) error {
	if p.left--; p.left > 0 {
		return p.Backend.Update(ctx, f)
	}
	if p.left == 0 && p.lost {
		return errors.Join(p.Backend.Update(ctx, f), errPulled)
	}
	return errPulled
}

func TestARekeyThatIsStoppedAnywhereIsTakenUp(t *testing.T) {
	for _, lost := range []bool{false, true} {
		stops := 0
		for after := 1; ; after++ {
			db, file := memory.New(), filepath.Join(t.TempDir(), "keys")
			want := putMany(t, open(t, db, file), 130)
			_, err := open(t, &plug{db, after, lost}, file).Rekey(ctx)
			if err == nil {
				break
			}
			if !errors.Is(err, errPulled) {
				t.Fatal(err)
			}
			stops++
			v := open(t, db, file)
			wantAll(t, v, want)
			begun := look(t, db, file).Keys
			done := rekey(t, v)
			if len(begun) == 2 && done.Key != begun[1].ID {
				t.Errorf("stop %d: it was begun again, not taken up", stops)
			}
			wantOneKey(t, db, 130, file)
			wantAll(t, v, want)
		}
		if stops < 5 { // the key, two batches, an empty one, the end
			t.Errorf("stopped at %d places", stops)
		}
	}
}

func TestSecretsPutByAnotherServerMeanwhileAreNotLost(t *testing.T) {
	db, file := memory.New(), filepath.Join(t.TempDir(), "keys")
	a, b := open(t, db, file), open(t, db, file)
	want := putMany(t, a, 150)
	var g errgroup.Group
	for _, v := range []*sealed.Vault{a, b} { // two at once are one, or one after the other
		g.Go(func() error {
			_, err := v.Rekey(ctx)
			return err
		})
	}
	c := open(t, db, file)
	for i := range 150 {
		put(t, c, "c4", fmt.Sprint(i), fmt.Sprint(i))
		want["c4/"+fmt.Sprint(i)] = fmt.Sprint(i)
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	wantOneKey(t, db, 300, file)
	wantAll(t, open(t, db, file), want)
}

func TestANewRootTakesOverWithARekey(t *testing.T) {
	dir := t.TempDir()
	db, old, fresh := memory.New(), filepath.Join(dir, "old"), filepath.Join(dir, "new")
	want := putMany(t, open(t, db, old), 10)
	wantAll(t, open(t, db, fresh, old), want)
	rekey(t, open(t, db, fresh, old))
	wantOneKey(t, db, 10, fresh)
	wantAll(t, open(t, db, fresh), want)
	if s := look(t, db, old); s.Keys[0].Problem == nil || s.Keys[0].Problem.Reason != vault.ReasonKey {
		t.Errorf("the old root still opens it: %+v", s)
	}
	_, err := sealed.Open(ctx, sealed.Options{Store: db, Roots: roots(old)})
	wantKeyError(t, err)
}

// A stopped rekey is not taken up under a root that is to go.
func TestAnotherRootMeansAnotherKey(t *testing.T) {
	dir := t.TempDir()
	db, old, fresh := memory.New(), filepath.Join(dir, "old"), filepath.Join(dir, "new")
	want := putMany(t, open(t, db, old), 10)
	if _, err := open(t, &plug{db, 2, false}, old).Rekey(ctx); !errors.Is(err, errPulled) {
		t.Fatal(err)
	}
	rekey(t, open(t, db, fresh, old))
	wantOneKey(t, db, 10, fresh)
	wantAll(t, open(t, db, fresh), want)
}

func TestAKeyThatIsAppendedToTheFileIsTheRootOfTheNextRekey(t *testing.T) {
	db, file := memory.New(), filepath.Join(t.TempDir(), "keys")
	v := open(t, db, file)
	want := putMany(t, v, 3)
	before := look(t, db, file).Keys[0].Root
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)) + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	wantAll(t, v, want)
	rekey(t, v)
	if after := look(t, db, file).Keys[0].Root; after == before {
		t.Errorf("still under %s", before)
	}
	wantAll(t, v, want)
}

// Secrets were sealed by the keys of the file themselves, once.
func TestSecretsThatARootKeySealedAreReadAndRekeyed(t *testing.T) {
	db, file := memory.New(), filepath.Join(t.TempDir(), "keys")
	root, box, err := keyfile.New(file).Wrap(ctx, []byte("one"), "c1/ca")
	if err != nil {
		t.Fatal(err)
	}
	old := store.Sealed{ID: "c1/ca", Owner: "c1", KeyID: root, Box: box}
	if err := db.Update(ctx, func(tx store.Tx) error { return store.Put(tx, &old) }); err != nil {
		t.Fatal(err)
	}
	v := open(t, db, file)
	wantAll(t, v, map[string]string{"c1/ca": "one"})
	if s := look(t, db, file); s.Rooted != 1 || len(s.Keys) != 1 {
		t.Errorf("%+v", s)
	}
	rekey(t, v)
	wantOneKey(t, db, 1, file)
	wantAll(t, v, map[string]string{"c1/ca": "one"})
}

func TestTheVaultIsNotMistakenForAnother(t *testing.T) {
	db, file := memory.New(), filepath.Join(t.TempDir(), "keys")
	elsewhere := store.Sealed{ID: "c1/ca", Owner: "c1", Ref: "there"}
	if err := db.Update(ctx, func(tx store.Tx) error { return store.Put(tx, &elsewhere) }); err != nil {
		t.Fatal(err)
	}
	if _, err := sealed.Open(ctx, sealed.Options{Store: db, Roots: roots(file)}); jeroboam.KindOf(err) != jeroboam.Conflict {
		t.Errorf("%v, want Conflict", err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it made a key file: %v", err)
	}
}
