package embedded

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// revokedKept is from how many revocations on those of ended tokens are dropped.
const revokedKept = 10_000

// claims are what a token says. Everything else is looked up when it is used.
type claims struct {
	User       string   `json:"u"`
	Project    string   `json:"p,omitempty"` // "": unscoped
	Credential string   `json:"c,omitempty"` // application credential it was got with
	Methods    []string `json:"m"`
	Audit      string   `json:"a"` // names the token in the revocation list
	Proof      string   `json:"h"` // proofOf the hash it was got with
	Issued     int64    `json:"i"` // microseconds since 1970
	Expires    int64    `json:"e"`
}

func (c claims) issued() time.Time  { return time.UnixMicro(c.Issued).UTC() }
func (c claims) expires() time.Time { return time.UnixMicro(c.Expires).UTC() }

// tokens makes and reads tokens: claims sealed with AES-256-GCM under a key in
// a file, so that they outlive the process and need no table. What is revoked
// before its time is listed in another file.
type tokens struct {
	aead    cipher.AEAD
	now     func() time.Time
	file    string                            // of revocations
	lock    func() (unlock func(), err error) // keeps other processes from it
	print   string                            // says which key, not what it is
	next    atomic.Int64                      // when to look at the file again, in Unix microseconds
	mu      sync.RWMutex
	revoked map[string]int64 // expiry by audit ID
	seen    version          // of the file
}

func openTokens(f *files) (*tokens, error) {
	keyFile := f.path("token.key")
	key, err := readTokenKey(keyFile)
	if err != nil {
		return nil, unusable(keyFile, err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, unusable(keyFile, err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, unusable(keyFile, err)
	}
	t := &tokens{aead: aead, now: f.now, file: f.path("revoked"), lock: f.lock, print: printOf(key), revoked: map[string]int64{}}
	if err := t.load(); err != nil {
		return nil, unusable(t.file, err)
	}
	return t, nil
}

// printOf is the first half of the hash of a key.
func printOf(key []byte) string {
	sum := sha256.Sum256(append([]byte("token key "), key...))
	return hex.EncodeToString(sum[:16])
}

func readTokenKey(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		err = writeNew(file, []byte(base64.StdEncoding.EncodeToString(randomBytes(32))+"\n"))
		if err == nil || errors.Is(err, fs.ErrExist) { // another process may have been faster
			text, err = os.ReadFile(file)
		}
	}
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != 32 {
		return nil, errors.New("it is not a key of 32 bytes in base64")
	}
	return key, nil
}

// issue makes a token from claims, whose times and audit ID it fills in unless
// they are those of an older token.
func (t *tokens) issue(c claims) (string, claims) {
	now := t.now()
	c.Issued = now.UnixMicro()
	if c.Expires == 0 {
		c.Expires = now.Add(TokenLife).UnixMicro()
	}
	c.Audit = base64.RawURLEncoding.EncodeToString(randomBytes(16))
	plain, err := json.Marshal(c)
	if err != nil {
		panic("embedded: claims do not marshal: " + err.Error()) // strings and numbers always do
	}
	nonce := randomBytes(t.aead.NonceSize())
	return base64.RawURLEncoding.EncodeToString(t.aead.Seal(nonce, nonce, plain, nil)), c
}

// read returns the claims of a token that is ours, has not ended and was not revoked.
func (t *tokens) read(token string) (claims, error) {
	var c claims
	box, err := base64.RawURLEncoding.DecodeString(token)
	size := t.aead.NonceSize()
	if err != nil || len(box) < size {
		return c, errStale
	}
	plain, err := t.aead.Open(nil, box[:size], box[size:], nil)
	if err != nil {
		return c, errStale
	}
	if err := json.Unmarshal(plain, &c); err != nil {
		return c, errStale
	}
	t.look()
	t.mu.RLock()
	defer t.mu.RUnlock()
	if _, gone := t.revoked[c.Audit]; gone || t.now().UnixMicro() >= c.Expires {
		return claims{}, errStale
	}
	return c, nil
}

// revoke ends the token for good, on the disk first.
func (t *tokens) revoke(c claims) error {
	unlock, err := t.lock()
	if err != nil {
		return err
	}
	defer unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	f, err := os.OpenFile(t.file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return unusable(t.file, err)
	}
	_, err = fmt.Fprintf(f, "%s %d\n", c.Audit, c.Expires)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return unusable(t.file, err)
	}
	if now := t.now().UnixMicro(); len(t.revoked) >= revokedKept {
		maps.DeleteFunc(t.revoked, func(_ string, expires int64) bool { return expires <= now })
	}
	t.revoked[c.Audit] = c.Expires
	return nil
}

// load reads the revocations and drops those of tokens that have ended.
func (t *tokens) load() error {
	unlock, err := t.lock()
	if err != nil {
		return err
	}
	defer unlock()
	kept, err := t.readRevoked()
	if err != nil || kept == "" {
		return err
	}
	return writeWhole(t.file, []byte(kept))
}

// look reads, at most once a second, what other processes have revoked. While
// the file cannot be read, what is known holds.
func (t *tokens) look() {
	now, next := t.now(), t.next.Load()
	if now.UnixMicro() < next || !t.next.CompareAndSwap(next, now.Add(lookEvery).UnixMicro()) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if look(t.file) != t.seen {
		_, _ = t.readRevoked()
	}
}

// readRevoked adds what the file says to what is known, and returns the lines
// that still count.
func (t *tokens) readRevoked() (string, error) {
	seen := look(t.file)
	f, err := os.Open(t.file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	var kept strings.Builder
	now := t.now().UnixMicro()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		audit, until, _ := strings.Cut(lines.Text(), " ")
		expires, err := strconv.ParseInt(until, 10, 64)
		if err != nil || expires <= now {
			continue // ended, or a line that a crash cut short before anyone was told
		}
		t.revoked[audit] = expires
		fmt.Fprintf(&kept, "%s %d\n", audit, expires)
	}
	if err := lines.Err(); err != nil {
		return "", err
	}
	t.seen = seen
	return kept.String(), nil
}
