package main

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
)

// pair writes a certificate and its key and returns their paths.
func pair(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	c, k := selfSigned(t, name)
	cert, key = filepath.Join(dir, "api.pem"), filepath.Join(dir, "api.key")
	for file, text := range map[string][]byte{cert: c, key: k} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
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
	c, err := openCertificates(cert, key, slog.New(slog.NewTextHandler(&log, nil)))
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
	if c.Until().IsZero() || c.config().MinVersion < 0x0303 {
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
	_, err := openCertificates(cert, key, slog.New(slog.DiscardHandler))
	if jeroboam.KindOf(err) != jeroboam.Invalid || !strings.Contains(err.Error(), "belong together") {
		t.Error(err)
	}
}

func TestTheAddressThatCallersAreTold(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]publicConfig{
		"http://127.0.0.1:9511":        {},
		"https://127.0.0.1:9511":       {TLSCert: "x"},
		"https://clusters.example.org": {TLSCert: "x", URL: "https://clusters.example.org/"},
	} {
		if got := c.url(address("127.0.0.1:9511")); got != want {
			t.Errorf("%+v: %s, want %s", c, got, want)
		}
	}
	for at, bare := range map[string]bool{"127.0.0.1:1": false, "[::1]:1": false, "0.0.0.0:1": true, "[::]:1": true, "192.0.2.1:1": true} {
		if c := (publicConfig{}); c.bare(address(at)) != bare {
			t.Errorf("%s: bare %v", at, !bare)
		}
	}
	if c := (publicConfig{TrustedProxies: []string{"10.0.0.1"}}); c.bare(address("192.0.2.1:1")) {
		t.Error("a proxy is in front")
	}
}

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

func TestTracesAreAskedForByTheSettingOrByOpenTelemetrysVariables(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		traces string
		env    map[string]string
		want   bool
	}{
		"off by default": {},
		"the setting":    {traces: "http://c:4318", want: true},
		"a variable":     {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, want: true},
		"the other":      {env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, want: true},
		"switched off":   {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}},
		"for metrics":    {env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}},
	} {
		o := observeConfig{Traces: c.traces}
		if got := o.traced(func(key string) string { return c.env[key] }); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
