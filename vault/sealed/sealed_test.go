package sealed_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
	"github.com/jeroboam-cloud/jeroboam/vault"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed/keyfile"
	"github.com/jeroboam-cloud/jeroboam/vault/vaulttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

func open(t *testing.T, db store.Backend, files ...string) *sealed.Vault {
	t.Helper()
	v, err := sealed.Open(ctx, sealed.Options{Store: db, Roots: roots(files...)})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func roots(files ...string) (all []sealed.Root) {
	for _, file := range files {
		all = append(all, keyfile.New(file))
	}
	return all
}

func TestConformance(t *testing.T) {
	vaulttest.Run(t, func(t *testing.T) vault.Vault {
		return open(t, memory.New(), filepath.Join(t.TempDir(), "vault.key"))
	})
}

func put(t *testing.T, v *sealed.Vault, owner, name, secret string) {
	t.Helper()
	if err := v.Put(ctx, owner, name, jeroboam.Secret(secret)); err != nil {
		t.Fatal(err)
	}
}

func stored(t *testing.T, db store.Backend, kind string) (all []store.Record) {
	t.Helper()
	err := db.View(ctx, func(tx store.Tx) (err error) {
		all, err = tx.List(store.Query{Kind: kind})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTheStoreHoldsNoPlaintextAndNoKey(t *testing.T) {
	db, file := memory.New(), filepath.Join(t.TempDir(), "vault.key")
	put(t, open(t, db, file), "c1", "ca", "the secret itself")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(text))
	for _, r := range append(stored(t, db, store.KindSealed), stored(t, db, store.KindVaultKey)...) {
		if bytes.Contains(r.Data, []byte("secret itself")) || bytes.Contains(r.Data, []byte(lines[len(lines)-1])) ||
			bytes.Contains(r.Data, []byte(base64.StdEncoding.EncodeToString([]byte("the secret itself")))) {
			t.Errorf("stored in the clear: %s", r.Data)
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v; want mode 0600", info.Mode(), err)
	}
}

func TestABoxOpensInItsOwnPlaceAlone(t *testing.T) {
	db, file := memory.New(), filepath.Join(t.TempDir(), "vault.key")
	v := open(t, db, file)
	put(t, v, "c1", "ca", "one")
	put(t, v, "c2", "ca", "two")
	err := db.Update(ctx, func(tx store.Tx) error {
		mine, err := store.Get[store.Sealed](tx, "c1/ca")
		if err != nil {
			return err
		}
		theirs, err := store.Get[store.Sealed](tx, "c2/ca")
		mine.Box = theirs.Box
		if err == nil {
			err = store.Put(tx, &mine)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.Get(ctx, "c1", "ca")
	wantKeyError(t, err)
	if got != "" {
		t.Errorf("got %q of another owner", got.Reveal())
	}
}

func wantKeyError(t *testing.T, err error) {
	t.Helper()
	e, ok := jeroboam.AsError(err)
	if !ok || e.Kind != jeroboam.Unavailable || e.Reason != vault.ReasonKey || e.Remedy == "" {
		t.Errorf("error %v; want Unavailable, %s, with a remedy", err, vault.ReasonKey)
	}
}

func TestAKeyThatDoesNotFitIsReportedAtOnce(t *testing.T) {
	other := "# another\n" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, 32)) + "\n"
	for name, spoil := range map[string]func(file string) error{
		"missing":        os.Remove,
		"another":        func(file string) error { return os.WriteFile(file, []byte(other), 0o600) },
		"empty":          func(file string) error { return os.WriteFile(file, nil, 0o600) },
		"too short":      func(file string) error { return os.WriteFile(file, []byte("c2hvcnQ=\n"), 0o600) },
		"no base64":      func(file string) error { return os.WriteFile(file, []byte("secret-Key!\n"), 0o600) },
		"read by others": func(file string) error { return os.Chmod(file, 0o640) },
		"a directory":    func(file string) error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			db, file := memory.New(), filepath.Join(t.TempDir(), "vault.key")
			put(t, open(t, db, file), "c1", "ca", "one")
			if err := spoil(file); err != nil {
				t.Fatal(err)
			}
			_, err := sealed.Open(ctx, sealed.Options{Store: db, Roots: roots(file)})
			wantKeyError(t, err)
			if err != nil && strings.Contains(err.Error(), "secret-Key") {
				t.Errorf("the error shows the file's content: %v", err)
			}
		})
	}
}
