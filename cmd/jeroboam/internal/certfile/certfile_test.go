package certfile

import (
	"bytes"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/pki"
)

// pair writes a certificate and its key and returns their paths.
func pair(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	text, secret, err := pki.NewAuthority(name, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "api.pem"), filepath.Join(dir, "api.key")
	for file, text := range map[string]string{cert: text, key: secret.Reveal()} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestACertificateIsRenewedWhenItsFilesChange(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), time.Unix(1e9, 0)
	cert, key := pair(t, dir, "first")
	var log bytes.Buffer
	c, err := Open(cert, key, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	c.now = func() time.Time { return now }
	serves := func(want string) {
		t.Helper()
		got, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(got.Certificate[0])
		if err != nil || leaf.Subject.CommonName != want {
			t.Errorf("serves %v, %v; want %s\n%s", leaf.Subject, err, want, &log)
		}
	}
	serves("first")
	pair(t, dir, "second")
	stamp(t, cert, now)
	serves("first") // looked a moment ago
	now = now.Add(lookAgain)
	serves("second")

	if err := os.WriteFile(cert, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		now = now.Add(lookAgain)
		serves("second")
	}
	if n := strings.Count(log.String(), "certificate not changed"); n != 1 {
		t.Errorf("told %d times:\n%s", n, &log)
	}
	pair(t, dir, "third")
	c.Reload()
	serves("third")
	if c.Until().IsZero() || c.Config().MinVersion < 0x0303 {
		t.Error("no end, or older than TLS 1.2")
	}
}

// stamp gives a file a time that no other version of it had.
func stamp(t *testing.T, file string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestACertificateWithoutItsKeyIsRefused(t *testing.T) {
	t.Parallel()
	cert, _ := pair(t, t.TempDir(), "one")
	_, key := pair(t, t.TempDir(), "two")
	_, err := Open(cert, key, slog.New(slog.DiscardHandler))
	if jeroboam.KindOf(err) != jeroboam.Invalid || !strings.Contains(err.Error(), "belong together") {
		t.Error(err)
	}
}
