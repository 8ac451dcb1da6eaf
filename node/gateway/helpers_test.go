package gateway_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/gateway"
	"github.com/jeroboam-cloud/jeroboam/node/gateway/gatewaytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should happen at once.
const patience = time.Minute

// house is a gateway with its registry, listening on a unix socket and on TCP.
type house struct {
	*gatewaytest.Registry
	t         *testing.T
	authority gateway.Authority
	options   gateway.Options
	gateway   *gateway.Gateway
	socket    string
	tcp       string
	stop      func() // and wait
}

// closedHouse listens nowhere yet.
func closedHouse(t *testing.T, edit ...func(*gateway.Options)) *house {
	t.Helper()
	registry, err := gatewaytest.New()
	must(t, err)
	authority, err := gateway.NewAuthority(time.Now())
	must(t, err)
	h := &house{Registry: registry, t: t, authority: authority}
	h.options = gateway.Options{
		Registry: registry, Authority: authority,
		Bundles: func(string) (string, bool) { return "", false },
	}
	for _, e := range edit {
		e(&h.options)
	}
	h.gateway = gateway.New(h.options)
	return h
}

func newHouse(t *testing.T, edit ...func(*gateway.Options)) *house {
	t.Helper()
	h := closedHouse(t, edit...)
	dir, err := os.MkdirTemp("", "gw") // a test's own directory may be too long a name for a socket
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	h.socket = filepath.Join(dir, "gateway.sock")
	unix, err := net.Listen("unix", h.socket)
	must(t, err)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	h.tcp = tcp.Addr().String()
	h.serve(unix, tcp)
	return h
}

func (h *house) serve(listeners ...net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.gateway.Serve(ctx, listeners...) }()
	h.stop = func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("serve: %v", err)
		}
		done <- nil
	}
	h.t.Cleanup(h.stop)
}

func (h *house) await(machine string, wanted func(gatewaytest.Machine) bool) gatewaytest.Machine {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	m, err := h.Await(ctx, machine, wanted)
	must(h.t, err)
	return m
}

// peer is an agent made of nothing but the protocol.
type peer struct {
	h       *house
	network string
	call    func(context.Context) (net.Conn, error) // nil: by the network
	machine string
	key     *ecdsa.PrivateKey
	client  *http.Client
}

func (h *house) peer(machine string) *peer {
	h.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(h.t, err)
	p := &peer{h: h, network: "unix", machine: machine, key: key}
	p.dial(nil)
	return p
}

// dial makes later calls greet the gateway with the certificate.
func (p *peer) dial(certificate *tls.Certificate) {
	trusted := x509.NewCertPool()
	trusted.AddCert(p.h.authority.Certificate)
	config := &tls.Config{RootCAs: trusted, ServerName: node.GatewayName}
	if certificate != nil {
		config.Certificates = []tls.Certificate{*certificate}
	}
	transport := &http.Transport{
		TLSClientConfig: config, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if p.call != nil {
				return p.call(ctx)
			}
			address := map[string]string{"unix": p.h.socket, "tcp": p.h.tcp}[p.network]
			return new(net.Dialer).DialContext(ctx, p.network, address)
		},
	}
	p.h.t.Cleanup(transport.CloseIdleConnections)
	p.client = &http.Client{Transport: transport}
}

func (p *peer) csr(name string) string {
	p.h.t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader,
		&x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, p.key)
	must(p.h.t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func (p *peer) post(path string, body []byte) (int, []byte) {
	p.h.t.Helper()
	response, err := p.client.Post("https://"+node.GatewayName+path, "application/json", bytes.NewReader(body))
	must(p.h.t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	must(p.h.t, err)
	return response.StatusCode, data
}

// tryJoin joins and returns the status and, of a refusal, the cause's reason.
func (p *peer) tryJoin(request node.JoinRequest) (int, string) {
	p.h.t.Helper()
	body, err := json.Marshal(request)
	must(p.h.t, err)
	code, answer := p.post(node.PathJoin, body)
	if code != http.StatusOK {
		var cause jeroboam.Cause
		must(p.h.t, json.Unmarshal(answer, &cause))
		return code, cause.Reason
	}
	var response node.JoinResponse
	must(p.h.t, json.Unmarshal(answer, &response))
	p.become(response.Certificate)
	return code, ""
}

func (p *peer) join(token string) {
	p.h.t.Helper()
	code, reason := p.tryJoin(node.JoinRequest{Machine: p.machine, Token: jeroboam.Secret(token), CSR: p.csr(p.machine)})
	if code != http.StatusOK {
		p.h.t.Fatalf("join: %d %s", code, reason)
	}
}

func (p *peer) become(certificate string) {
	p.h.t.Helper()
	der, err := x509.MarshalECPrivateKey(p.key)
	must(p.h.t, err)
	pair, err := tls.X509KeyPair([]byte(certificate), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	must(p.h.t, err)
	p.dial(&pair)
}

// stream is an open stream of a peer.
type stream struct {
	t    *testing.T
	in   *node.Reader
	out  *node.Writer
	raw  io.Writer
	hang func()
}

// open opens a stream with a Hello; the status tells of a refusal.
func (p *peer) open(hello node.Hello) (*stream, int) {
	p.h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	body, pipe := io.Pipe()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+node.GatewayName+node.PathStream, body)
	must(p.h.t, err)
	out := node.NewWriter(pipe, 64<<20, nil)
	go out.Write(node.ToService{Hello: &hello})
	response, err := p.client.Do(request)
	must(p.h.t, err)
	s := &stream{t: p.h.t, in: node.NewReader(response.Body, node.MaxToAgent), out: out, raw: pipe, hang: func() {
		cancel()
		pipe.Close()
		response.Body.Close()
	}}
	p.h.t.Cleanup(s.hang)
	return s, response.StatusCode
}

func (p *peer) stream() *stream {
	p.h.t.Helper()
	s, code := p.open(node.Hello{Machine: p.machine})
	if code != http.StatusOK {
		p.h.t.Fatalf("stream: status %d", code)
	}
	return s
}

func (s *stream) say(m node.ToService) {
	s.t.Helper()
	must(s.t, s.out.Write(m))
}

func (s *stream) next() node.ToAgent {
	s.t.Helper()
	var m node.ToAgent
	must(s.t, s.in.Read(&m))
	return m
}

// ended waits for the stream's end.
func (s *stream) ended() {
	s.t.Helper()
	for {
		var m node.ToAgent
		if err := s.in.Read(&m); err != nil {
			return
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
