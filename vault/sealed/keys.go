package sealed

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

const keySize = 32 // AES-256

// key is one line of the key file.
type key struct {
	id   string // the first half of the key's SHA-256: says which, not what
	aead cipher.AEAD
}

// keyring is the keys of a key file, oldest first: all of them open, the newest seals.
type keyring []key

func (r keyring) newest() key { return r[len(r)-1] }

func (r keyring) find(id string) (key, bool) {
	for _, k := range r {
		if k.id == id {
			return k, true
		}
	}
	return key{}, false
}

func newKey(secret []byte) (key, error) {
	if len(secret) != keySize {
		return key{}, fmt.Errorf("a key has %d bytes, not %d", len(secret), keySize)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return key{}, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return key{}, err
	}
	sum := sha256.Sum256(secret)
	return key{id: hex.EncodeToString(sum[:16]), aead: aead}, nil
}

// readKeys reads the file, which holds one key in base64 per line, the newest
// last, and lines of comment after #. If it is absent and may be made, it is.
func readKeys(file string, mayMake bool) (keyring, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && mayMake {
		text, err = makeKeys(file)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, keyError("The key file %s is missing, yet the store holds secrets sealed with it.", file)
	}
	if err != nil {
		return nil, unusable(file, "it cannot be read").Wrap(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, unusable(file, "it cannot be read").Wrap(err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, unusable(file, fmt.Sprintf("its mode %04o lets others read it", mode)).WithRemedy("Run: chmod 600 %s", file)
	}
	return parseKeys(file, text)
}

func parseKeys(file string, text []byte) (keyring, error) {
	var keys keyring
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		secret, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return nil, unusable(file, fmt.Sprintf("line %d is not a key in base64", n)) // err would show a piece of it
		}
		k, err := newKey(secret)
		if err != nil {
			return nil, unusable(file, fmt.Sprintf("line %d is not a key", n)).Wrap(err)
		}
		keys = append(keys, k)
	}
	if err := lines.Err(); err != nil {
		return nil, unusable(file, "it is not a list of keys").Wrap(err)
	}
	if len(keys) == 0 {
		return nil, unusable(file, "it holds no key")
	}
	return keys, nil
}

// makeKeys writes a file with one new key, whole and on the disk or not at all.
func makeKeys(file string) ([]byte, error) {
	secret := make([]byte, keySize)
	rand.Read(secret) //nolint:errcheck // never fails
	text := fmt.Appendf(nil, "# Keys of the vault, newest last. Without them its secrets are lost: keep a copy apart from the database.\n%s\n",
		base64.StdEncoding.EncodeToString(secret))
	temp, err := os.CreateTemp(filepath.Dir(file), ".vault-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(text)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(temp.Name(), file); err != nil { // never over another one
		return nil, err
	}
	return text, syncDir(filepath.Dir(file))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func unusable(file, why string) *jeroboam.Error {
	return jeroboam.Errorf(jeroboam.Unavailable, ReasonKey, "The vault's key file %s cannot be used: %s.", file, why).
		WithRemedy("Restore it from a backup.")
}
