// Package keyfile keeps root keys of the vault in a file: one key of 32 bytes in
// base64 per line, the newest last, and comments after #. It refuses a file that
// others may read. The file may be replaced while the service runs; it is read
// again when a key is asked for that it did not hold.
package keyfile

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/vault"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed/internal/box"
)

// File is a sealed.Root.
type File struct {
	path string
	own  bool // made if absent, and private

	mu   sync.Mutex
	keys []box.Key // as last read: one a line
}

// New names a file and looks at nothing yet. The first Wrap makes one that is
// not there.
func New(path string) *File { return &File{path: path, own: true} }

// Given names a file that is another's to make and to guard, as systemd's
// credentials are: those of a user's service are read by an access list, which
// their mode shows as that of a group.
func Given(path string) *File { return &File{path: path} }

// Newest is the ID of the last key of the file; "" if there will be a new file.
func (f *File) Newest(context.Context) (string, error) {
	keys, err := f.read()
	if errors.Is(err, fs.ErrNotExist) && f.own {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return keys[len(keys)-1].ID, nil
}

// Wrap seals with the last key of the file.
func (f *File) Wrap(_ context.Context, secret []byte, purpose string) (string, []byte, error) {
	keys, err := f.read()
	if errors.Is(err, fs.ErrNotExist) && f.own {
		if err := f.write(); err != nil && !errors.Is(err, fs.ErrExist) { // another process may be faster
			return "", nil, f.unusable("it cannot be made").WithRemedy("Make its directory, writable for the service.").Wrap(err)
		}
		keys, err = f.read()
	}
	if err != nil {
		return "", nil, err
	}
	k := keys[len(keys)-1]
	return k.ID, k.Seal(secret, purpose), nil
}

// Unwrap opens with whichever key of the file it was sealed.
func (f *File) Unwrap(_ context.Context, id string, sealed []byte, purpose string) ([]byte, error) {
	k, err := f.find(id)
	if err != nil {
		return nil, err
	}
	if plain, err := k.Open(sealed, purpose); err == nil {
		return plain, nil
	}
	return nil, jeroboam.Errorf(jeroboam.Unavailable, vault.ReasonKey, "What was sealed as %s does not open with the root key %s: one of them was changed.", purpose, id).
		WithRemedy("Restore the root keys and the database of the same time.")
}

func (f *File) find(id string) (box.Key, error) {
	f.mu.Lock()
	keys := f.keys
	f.mu.Unlock()
	for fresh := false; ; fresh = true {
		for _, k := range keys {
			if k.ID == id {
				return k, nil
			}
		}
		if fresh {
			return box.Key{}, jeroboam.Errorf(jeroboam.NotFound, vault.ReasonKey, "The key file %s holds no root key %s.", f.path, id)
		}
		var err error
		if keys, err = f.read(); err != nil {
			return box.Key{}, err
		}
	}
}

// read reads the file anew.
func (f *File) read() ([]box.Key, error) {
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, jeroboam.Errorf(jeroboam.Unavailable, vault.ReasonKey, "The key file %s is missing, and secrets are sealed with its keys.", f.path).
			WithRemedy("Restore it from a backup, or copy it from another server of the database.").Wrap(err)
	}
	if err != nil {
		return nil, f.unusable("it cannot be read").Wrap(err)
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, f.unusable("it cannot be read").Wrap(err)
	}
	if mode := info.Mode().Perm(); f.own && mode&0o077 != 0 {
		return nil, f.unusable(fmt.Sprintf("its mode %04o lets others read it", mode)).WithRemedy("Run: chmod 600 %s", f.path)
	}
	keys, err := f.parse(text)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys = keys
	return keys, nil
}

func (f *File) parse(text []byte) ([]box.Key, error) {
	var keys []box.Key
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		secret, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return nil, f.unusable(fmt.Sprintf("line %d is not a key in base64", n)) // err would show a piece of it
		}
		k, err := box.New(secret)
		if err != nil {
			return nil, f.unusable(fmt.Sprintf("line %d is not a key", n)).Wrap(err)
		}
		keys = append(keys, k)
	}
	if err := lines.Err(); err != nil {
		return nil, f.unusable("it is not a list of keys").Wrap(err)
	}
	if len(keys) == 0 {
		return nil, f.unusable("it holds no key")
	}
	return keys, nil
}

// write makes a file with one new key, whole and on the disk or not at all.
func (f *File) write() error {
	secret := make([]byte, box.KeySize)
	rand.Read(secret) //nolint:errcheck // never fails
	text := fmt.Appendf(nil, "# Root keys of the vault, newest last. Without them its secrets are lost: keep a copy apart from the database.\n%s\n",
		base64.StdEncoding.EncodeToString(secret))
	dir := filepath.Dir(f.path)
	temp, err := os.CreateTemp(dir, ".vault-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(text)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err := os.Link(temp.Name(), f.path); err != nil { // never over another one
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (f *File) unusable(why string) *jeroboam.Error {
	return jeroboam.Errorf(jeroboam.Unavailable, vault.ReasonKey, "The vault's key file %s cannot be used: %s.", f.path, why).
		WithRemedy("Restore it from a backup.")
}
