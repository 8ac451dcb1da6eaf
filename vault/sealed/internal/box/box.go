// Package box seals bytes with AES-256-GCM, for the vault's own keys and for
// the root keys of a file alike.
package box

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// KeySize is that of a key, in bytes.
const KeySize = 32 // AES-256

// Key seals and opens boxes.
type Key struct {
	ID   string // hex of the first half of the key's SHA-256: says which, not what
	aead cipher.AEAD
}

// New makes a Key of KeySize secret bytes.
func New(secret []byte) (Key, error) {
	if len(secret) != KeySize {
		return Key{}, fmt.Errorf("a key has %d bytes, not %d", len(secret), KeySize)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return Key{}, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return Key{}, err
	}
	sum := sha256.Sum256(secret)
	return Key{ID: hex.EncodeToString(sum[:16]), aead: aead}, nil
}

// Seal puts a random nonce and the encrypted plain into a box, which opens for
// the same purpose alone.
func (k Key) Seal(plain []byte, purpose string) []byte {
	nonce := make([]byte, k.aead.NonceSize())
	rand.Read(nonce) //nolint:errcheck // never fails
	return k.aead.Seal(nonce, nonce, plain, []byte(purpose))
}

// Open returns what was sealed; an error says only that the box, the purpose or
// the key is another.
func (k Key) Open(box []byte, purpose string) ([]byte, error) {
	size := k.aead.NonceSize()
	if len(box) < size {
		return nil, errors.New("the box is too short")
	}
	return k.aead.Open(nil, box[:size], box[size:], []byte(purpose))
}
