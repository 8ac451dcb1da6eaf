package embedded

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/crypto/bcrypt"

	"github.com/jeroboam-cloud/jeroboam"
)

// usualCost makes a login take some 50 ms of one core.
const usualCost = 10

// longestPassword is bcrypt's limit.
const longestPassword = 72

// checkHash refuses what is no bcrypt hash, or one so dear that a login would
// hold the service up.
func checkHash(hash string) error {
	c, err := bcrypt.Cost([]byte(hash))
	if err != nil {
		return errors.New("it is not a bcrypt hash")
	}
	if c > 14 {
		return fmt.Errorf("its bcrypt cost %d is above 14", c)
	}
	return nil
}

// passwords makes hashes and compares them, no more at a time than half of the
// cores, so that logins cannot starve the rest.
type passwords struct {
	cost  int
	slots chan struct{}
	dummy string // compared for users that do not exist, so that both take as long
}

func newPasswords(cost int) (*passwords, error) {
	if cost == 0 {
		cost = usualCost
	}
	p := &passwords{cost: cost, slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
	var err error
	p.dummy, err = p.hash(randomSecret())
	return p, err
}

func (p *passwords) hash(password jeroboam.Secret) (string, error) {
	if password == "" || len(password) > longestPassword {
		return "", invalid("password", "A password has 1 to %d bytes.", longestPassword)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password.Reveal()), p.cost)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return string(hash), nil
}

// match reports whether the secret is the one of the hash; "" has none.
func (p *passwords) match(hash string, secret jeroboam.Secret) bool {
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	known := hash != ""
	if !known {
		hash = p.dummy
	}
	return bcrypt.CompareHashAndPassword([]byte(hash), []byte(secret.Reveal())) == nil && known
}

// randomSecret is a secret of 192 bits that survives shells and YAML unquoted.
func randomSecret() jeroboam.Secret {
	return jeroboam.Secret(base64.RawURLEncoding.EncodeToString(append([]byte{0x65}, randomBytes(24)...)))
}

// proofOf is a short trace of a hash: a token is bound to the password or
// secret it was got with, and dies with it.
func proofOf(hash string) string {
	sum := sha256.Sum256([]byte(hash))
	return hex.EncodeToString(sum[:8])
}
