package passage_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/passage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	domain   = "clusters.example.org"
	hidden   = "5ad5bc4e-2ad9-4bb1-8d05-4ae2a1e1a001"
	direct   = "5ad5bc4e-2ad9-4bb1-8d05-4ae2a1e1a002" // did not choose the tunnel
	patience = time.Minute
)

// door is a passage, and the API of the one cluster behind it: a TLS server that
// asks for certificates and sends back what it hears.
type door struct {
	*testing.T
	*passage.Passage
	address string
	trusted *x509.CertPool
	own     tls.Certificate // of the API
	stop    func()
	ended   sync.WaitGroup
}

func open(t *testing.T) *door {
	d := &door{T: t, trusted: x509.NewCertPool()}
	d.own = d.certificate(hidden + "." + domain)
	d.Passage = passage.New(passage.Options{Domain: domain, Open: d.api, Logger: slog.New(slog.DiscardHandler)})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	d.must(err)
	d.address = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Serve(ctx, listener) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		d.ended.Wait()
	})
	t.Cleanup(d.stop)
	return d
}

func (d *door) certificate(name string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	d.must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	d.must(err)
	leaf, err := x509.ParseCertificate(der)
	d.must(err)
	d.trusted.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (d *door) api(_ context.Context, cluster string) (net.Conn, error) {
	if cluster != hidden {
		return nil, jeroboam.Errorf(jeroboam.NotFound, "passage", "There is no way.")
	}
	near, far := net.Pipe()
	d.ended.Go(func() {
		server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{d.own}, ClientAuth: tls.RequireAnyClientCert})
		defer far.Close()
		io.Copy(server, server)
	})
	return near, nil
}

// call makes a TLS connection to the server of that name, as the user olga.
func (d *door) call(name string) (*tls.Conn, error) {
	raw, err := net.Dial("tcp", d.address)
	d.must(err)
	d.Cleanup(func() { raw.Close() })
	d.must(raw.SetDeadline(time.Now().Add(patience)))
	conn := tls.Client(raw, &tls.Config{RootCAs: d.trusted, ServerName: name, Certificates: []tls.Certificate{d.certificate("olga")}})
	return conn, conn.Handshake()
}

func (d *door) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func TestAUserSpeaksWithTheClusterThatHeNames(t *testing.T) {
	d := open(t)
	for _, name := range []string{hidden + "." + domain, "5AD5BC4E-2ad9-4bb1-8d05-4ae2a1e1a001.Clusters.example.org"} {
		conn, err := d.call(name)
		d.must(err)
		sent := bytes.Repeat([]byte("four"), 1<<16)
		go conn.Write(sent)
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("through %s: %v", name, err)
		}
		d.must(conn.Close())
	}
}

func TestWhoNamesNoSuchClusterHearsNothing(t *testing.T) {
	d := open(t)
	for name, server := range map[string]string{
		"a cluster that did not choose this":  direct + "." + domain,
		"a name that is no ID":                "demo." + domain,
		"the domain itself":                   domain,
		"another domain":                      hidden + ".example.org",
		"a name within the name of a cluster": "www." + hidden + "." + domain,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := d.call(server); !errors.Is(err, io.EOF) {
				t.Errorf("got %v", err)
			}
		})
	}
	for name, sent := range map[string]string{
		"no TLS":    "GET / HTTP/1.1\r\nHost: " + hidden + "." + domain + "\r\n\r\n",
		"no name":   "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
		"a promise": "\x16\x03\x01\xff\xff",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", d.address)
			d.must(err)
			defer conn.Close()
			_, err = io.WriteString(conn, sent)
			d.must(err)
			if name == "a promise" { // of more than there is
				d.must(conn.(*net.TCPConn).CloseWrite())
			}
			d.must(conn.SetDeadline(time.Now().Add(patience)))
			if heard, _ := io.ReadAll(conn); len(heard) > 0 {
				t.Errorf("heard %q", heard)
			}
		})
	}
}

// corridor is a listener of one connection.
type corridor struct {
	conn  chan net.Conn
	ended chan struct{}
	once  sync.Once
}

func (c *corridor) Accept() (net.Conn, error) {
	select {
	case conn := <-c.conn:
		return conn, nil
	case <-c.ended:
		return nil, net.ErrClosed
	}
}

func (c *corridor) Close() error {
	c.once.Do(func() { close(c.ended) })
	return nil
}

func (c *corridor) Addr() net.Addr { return &net.TCPAddr{} }

func TestACallerWhoSaysNothingIsShownOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := passage.New(passage.Options{Domain: domain, Logger: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		listener := &corridor{conn: make(chan net.Conn, 1), ended: make(chan struct{})}
		done := make(chan error, 1)
		go func() { done <- p.Serve(ctx, listener) }()
		near, far := net.Pipe()
		listener.conn <- far
		began := time.Now()
		if heard, err := io.ReadAll(near); len(heard) > 0 || err != nil {
			t.Errorf("heard %q: %v", heard, err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("after %v", took)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAClusterHasSoManyGuestsAtOnce(t *testing.T) {
	d := open(t)
	var guests []*tls.Conn
	for {
		conn, err := d.call(hidden + "." + domain)
		if err != nil {
			break
		}
		guests = append(guests, conn)
	}
	if len(guests) != 40 {
		t.Errorf("%d guests were let through", len(guests))
	}
	d.must(guests[0].Close())
	for { // until its place is free
		if conn, err := d.call(hidden + "." + domain); err == nil {
			d.must(conn.Close())
			return
		}
	}
}

func TestTheEndShowsEverybodyOut(t *testing.T) {
	d := open(t)
	conn, err := d.call(hidden + "." + domain)
	d.must(err)
	d.stop()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection goes on")
	}
	if n := d.Guests(); n != 0 {
		t.Errorf("%d guests are still there", n)
	}
}
