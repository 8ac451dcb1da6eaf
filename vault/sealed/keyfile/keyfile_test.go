package keyfile_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed/keyfile"
)

var ctx = context.Background()

func TestABoxOpensForItsPurpose(t *testing.T) {
	f := keyfile.New(filepath.Join(t.TempDir(), "keys"))
	id, box, err := f.Wrap(ctx, []byte("key"), "this")
	if err != nil {
		t.Fatal(err)
	}
	if newest, err := f.Newest(ctx); err != nil || newest != id {
		t.Errorf("newest %q, %v, want %q", newest, err, id)
	}
	if got, err := f.Unwrap(ctx, id, box, "this"); err != nil || string(got) != "key" {
		t.Errorf("%q, %v", got, err)
	}
	for name, spoilt := range map[string][]byte{"another purpose": box, "cut off": box[:3], "changed": append([]byte{box[0] ^ 1}, box[1:]...)} {
		purpose := map[bool]string{true: "that", false: "this"}[name == "another purpose"]
		if got, err := f.Unwrap(ctx, id, spoilt, purpose); jeroboam.KindOf(err) != jeroboam.Unavailable || got != nil {
			t.Errorf("%s: %q, %v, want Unavailable", name, got, err)
		}
	}
	if _, err := f.Unwrap(ctx, "00ff", box, "this"); jeroboam.KindOf(err) != jeroboam.NotFound {
		t.Errorf("another root's: %v, want NotFound", err)
	}
}

func TestAGivenFileIsNotMadeAndItsModeIsTheGiversAffair(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	given := keyfile.Given(path)
	if _, _, err := given.Wrap(ctx, []byte("key"), "this"); jeroboam.KindOf(err) != jeroboam.Unavailable {
		t.Errorf("%v, want Unavailable", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was made: %v", err)
	}
	id, box, err := keyfile.New(path).Wrap(ctx, []byte("key"), "this")
	if err = errors.Join(err, os.Chmod(path, 0o440)); err != nil {
		t.Fatal(err)
	}
	if got, err := given.Unwrap(ctx, id, box, "this"); err != nil || string(got) != "key" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := keyfile.New(path).Unwrap(ctx, id, box, "this"); jeroboam.KindOf(err) != jeroboam.Unavailable {
		t.Errorf("a file of our own that others read: %v, want Unavailable", err)
	}
}
