// Package certfile is a certificate and its key in files, which are read anew when
// they change.
package certfile

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

// lookAgain is how often the files are looked at, when somebody calls.
const lookAgain = time.Second

// Pair is a certificate with its key. Files that are broken leave what was there
// before in force. It is safe for concurrent use.
type Pair struct {
	cert, key string // files
	log       *slog.Logger
	now       func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	seen    [2]fileVersion // of the files when they were read last
	looked  time.Time
}

// fileVersion tells whether a file is another than before.
type fileVersion struct {
	changed time.Time
	size    int64
}

// Open reads the files, in PEM, the certificate with its chain.
func Open(cert, key string, log *slog.Logger) (*Pair, error) {
	p := &Pair{cert: cert, key: key, log: log, now: time.Now}
	p.seen = p.versions()
	var err error
	p.current, err = p.read()
	return p, err
}

func (p *Pair) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "config-tls-cert", "The certificate %s with the key %s cannot be used.", p.cert, p.key).
			WithRemedy("Give PEM files that belong together and that this user can read.").Wrap(err)
	}
	return &pair, nil
}

func (p *Pair) versions() (out [2]fileVersion) {
	for i, file := range []string{p.cert, p.key} {
		if is, err := os.Stat(file); err == nil {
			out[i] = fileVersion{is.ModTime(), is.Size()}
		}
	}
	return out
}

// Config is the server's side of TLS.
func (p *Pair) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: p.get, NextProtos: []string{"h2", "http/1.1"}}
}

// get gives the certificate to a caller, after a look at the files.
func (p *Pair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.now(); now.Sub(p.looked) >= lookAgain {
		p.looked = now
		if versions := p.versions(); versions != p.seen {
			p.seen = versions
			p.renew()
		}
	}
	return p.current, nil
}

// Reload reads the files whatever they look like.
func (p *Pair) Reload() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = p.versions()
	p.renew()
}

func (p *Pair) renew() {
	fresh, err := p.read()
	if err != nil {
		p.log.Error("certificate not changed", "err", err, "until", p.until())
		return
	}
	p.current = fresh
	p.log.Info("certificate changed", "until", p.until())
}

func (p *Pair) until() time.Time {
	leaf := p.current.Leaf
	if leaf == nil { // GODEBUG x509keypairleaf=0
		leaf, _ = x509.ParseCertificate(p.current.Certificate[0])
	}
	return leaf.NotAfter
}

// Until is when the certificate in force runs out.
func (p *Pair) Until() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until()
}
