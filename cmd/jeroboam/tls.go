package main

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookAgain is how often the files are looked at, when somebody calls.
const lookAgain = time.Second

// certificates are the API's: read anew when their files change. Files that are
// broken leave what was there before in force.
type certificates struct {
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

func openCertificates(cert, key string, log *slog.Logger) (*certificates, error) {
	c := &certificates{cert: cert, key: key, log: log, now: time.Now}
	c.seen = c.versions()
	var err error
	c.current, err = c.read()
	return c, err
}

func (c *certificates) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, badConfig("tls_cert", "The certificate %s with the key %s cannot be used.", c.cert, c.key).
			WithRemedy("Give PEM files that belong together and that this user can read.").Wrap(err)
	}
	return &pair, nil
}

func (c *certificates) versions() (out [2]fileVersion) {
	for i, file := range []string{c.cert, c.key} {
		if is, err := os.Stat(file); err == nil {
			out[i] = fileVersion{is.ModTime(), is.Size()}
		}
	}
	return out
}

// config is the server's side of TLS.
func (c *certificates) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}}
}

// get gives the certificate to a caller, after a look at the files.
func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked) >= lookAgain {
		c.looked = now
		if versions := c.versions(); versions != c.seen {
			c.seen = versions
			c.renew()
		}
	}
	return c.current, nil
}

// Reload reads the files whatever they look like.
func (c *certificates) Reload() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = c.versions()
	c.renew()
}

func (c *certificates) renew() {
	fresh, err := c.read()
	if err != nil {
		c.log.Error("certificate not changed", "err", err, "until", c.until())
		return
	}
	c.current = fresh
	c.log.Info("certificate changed", "until", c.until())
}

func (c *certificates) until() time.Time {
	leaf := c.current.Leaf
	if leaf == nil { // GODEBUG x509keypairleaf=0
		leaf, _ = x509.ParseCertificate(c.current.Certificate[0])
	}
	return leaf.NotAfter
}

// Until is when the certificate in force runs out.
func (c *certificates) Until() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.until()
}
