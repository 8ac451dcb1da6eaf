package gateway_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/gateway"
	"github.com/jeroboam-cloud/jeroboam/node/gateway/gatewaytest"
)

func TestATokenWorksOnceAndOnlyForItsMachine(t *testing.T) {
	h := newHouse(t)
	h.Add("m1", "secret-1")
	h.Add("m2", "secret-2")
	first, other := h.peer("m1"), h.peer("m1")
	ask := func(p *peer, machine, token, name string) node.JoinRequest {
		return node.JoinRequest{Machine: machine, Token: jeroboam.Secret(token), CSR: p.csr(name)}
	}
	for _, c := range []struct {
		name    string
		peer    *peer
		request node.JoinRequest
		code    int
		reason  string
	}{
		{"a wrong token is refused", first, ask(first, "m1", "guess", "m1"), 401, "join-token"},
		{"another machine's token is refused", first, ask(first, "m1", "secret-2", "m1"), 401, "join-token"},
		{"no token is refused", first, ask(first, "m1", "", "m1"), 400, "join"},
		{"a request in another's name is refused before the token is spent", first, ask(first, "m1", "secret-1", "m2"), 403, "csr"},
		{"a request that is none is refused", first, node.JoinRequest{Machine: "m1", Token: "secret-1", CSR: "no"}, 400, "csr"},
		{"a machine nobody knows is told so", first, ask(first, "m9", "secret-1", "m9"), 410, "machine"},
		{"the right token lets in", first, ask(first, "m1", "secret-1", "m1"), 200, ""},
		{"the same key may come again", first, ask(first, "m1", "secret-1", "m1"), 200, ""},
		{"another key may not", other, ask(other, "m1", "secret-1", "m1"), 401, "join-token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, reason := c.peer.tryJoin(c.request)
			if code != c.code || reason != c.reason {
				t.Errorf("got %d %q, want %d %q", code, reason, c.code, c.reason)
			}
		})
	}
}

func TestAStrangerGetsNeitherStreamNorBundle(t *testing.T) {
	h := newHouse(t)
	h.Add("m1", "s")
	h.Add("m2", "s")
	stranger := h.peer("m1")
	if code, _ := stranger.post(node.PathStream, []byte(`{"hello":{"machine":"m1"}}`+"\n")); code != http.StatusUnauthorized {
		t.Errorf("stream without a certificate: %d", code)
	}
	if response := get(t, stranger, "/bundles/x/manifest.json"); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("bundle without a certificate: %d", response.StatusCode)
	}
	stranger.join("s")
	if _, code := stranger.open(node.Hello{Machine: "m2"}); code != http.StatusForbidden {
		t.Errorf("another machine's stream: %d", code)
	}
	foreign, err := gateway.NewAuthority(time.Now())
	must(t, err)
	other := newHouse(t, func(o *gateway.Options) { o.Authority = foreign })
	other.authority = foreign
	other.Add("m1", "s")
	impostor := other.peer("m1")
	impostor.join("s")
	impostor.h.socket = h.socket
	impostor.h.authority = h.authority
	request, err := http.NewRequest(http.MethodGet, "https://"+node.GatewayName+"/bundles/x/y", nil)
	must(t, err)
	if response, err := impostor.client.Do(request); err == nil {
		response.Body.Close()
		t.Error("a certificate of another authority was taken")
	}
}

func TestAnAutoscalerIsNoAgentAndAnAgentNoAutoscaler(t *testing.T) {
	var called string
	h := newHouse(t, func(o *gateway.Options) {
		o.Autoscaler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { called = gateway.AutoscalerOf(*r.TLS) })
	})
	h.Add("m1", "s")
	for _, c := range []struct {
		name, cluster string
		certificate   func(p *peer)
		stream        int
	}{
		{"a stranger", "", func(*peer) {}, http.StatusUnauthorized},
		{"an agent", "", func(p *peer) { p.join("s") }, http.StatusBadRequest}, // its Hello is missing
		{"an autoscaler", "m1", func(p *peer) { // of a cluster that is called like a machine
			text, err := h.authority.SignAutoscaler(p.csr("anything"), "m1", time.Now())
			must(t, err)
			p.become(text)
		}, http.StatusUnauthorized},
	} {
		p := h.peer("m1")
		c.certificate(p)
		if code, _ := p.post(node.PathAutoscaler+"NodeGroups", nil); code != http.StatusOK || called != c.cluster {
			t.Errorf("%s is taken for the autoscaler of %q: %d", c.name, called, code)
		}
		if code, _ := p.post(node.PathStream, nil); code != c.stream {
			t.Errorf("%s asks for a stream: %d, not %d", c.name, code, c.stream)
		}
	}
}

func TestAConfigIsPushedWhenItIsReadyAndWhenItChanges(t *testing.T) {
	h := newHouse(t)
	h.Add("m1", "s")
	p := h.peer("m1")
	p.network = "tcp"
	p.join("s")
	s := p.stream()
	one, two := node.Config{Hostname: "one"}, node.Config{Hostname: "two"}
	h.SetConfig("m1", one)
	if got := s.next(); got.Config == nil || got.Config.Hostname != "one" {
		t.Fatalf("got %+v, want the first config", got)
	}
	h.SetConfig("m1", one) // says changed, is not
	h.SetConfig("m1", two)
	if got := s.next(); got.Config == nil || got.Config.Hostname != "two" {
		t.Fatalf("got %+v, want the second config and not the first again", got)
	}
	s.hang()
	h.await("m1", func(m gatewaytest.Machine) bool { return m.Gones == 1 })

	again, code := p.open(node.Hello{Machine: "m1", Config: two.Digest()})
	if code != http.StatusOK {
		t.Fatalf("status %d", code)
	}
	h.SetConfig("m1", one)
	if got := again.next(); got.Config == nil || got.Config.Hostname != "one" {
		t.Fatalf("got %+v, want only the config the agent does not have", got)
	}
}

func TestOnlyWhatTheConfigAsksForIsSigned(t *testing.T) {
	h := newHouse(t)
	h.Add("m1", "s")
	h.SetConfig("m1", node.Config{Certificates: []node.Certificate{{Name: "kubelet", CommonName: "system:node:m1"}}})
	p := h.peer("m1")
	p.join("s")
	s := p.stream()
	s.next() // the config
	for _, c := range []struct {
		name    string
		request node.SignRequest
		signed  bool
	}{
		{"what is asked for", node.SignRequest{Name: "kubelet", CSR: p.csr("m1")}, true},
		{"what is not", node.SignRequest{Name: "admin", CSR: p.csr("m1")}, false},
		{"the agent's own identity", node.SignRequest{CSR: p.csr("m1")}, true},
		{"another's identity", node.SignRequest{CSR: p.csr("m2")}, false},
		{"an identity for another key", node.SignRequest{CSR: h.peer("m1").csr("m1")}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.say(node.ToService{Sign: &c.request})
			got := s.next().Signed
			if got == nil || got.Name != c.request.Name || (got.Certificate != "") != c.signed || (got.Error == "") != c.signed {
				t.Errorf("got %+v", got)
			}
			if c.signed && c.request.Name == "" {
				p.become(got.Certificate) // fails when it is not of our key
			}
		})
	}
}

func TestReportsReachTheRegistryTheNewestLast(t *testing.T) {
	h := newHouse(t)
	h.Add("m1", "s")
	p := h.peer("m1")
	p.join("s")
	s := p.stream()
	for i := range 100 {
		s.say(node.ToService{Report: &node.Report{Config: string(rune('a' + i%26)), Services: []jeroboam.ServiceState{{Name: "x", Restarts: i}}}})
	}
	h.await("m1", func(m gatewaytest.Machine) bool {
		return len(m.Report.Services) == 1 && m.Report.Services[0].Restarts == 99
	})
}

func TestTheSecondStreamOfAMachineReplacesTheFirst(t *testing.T) {
	h := newHouse(t)
	h.Add("m1", "s")
	p := h.peer("m1")
	p.join("s")
	first := p.stream()
	second := p.stream()
	first.ended()
	h.SetConfig("m1", node.Config{Hostname: "one"})
	if got := second.next(); got.Config == nil {
		t.Fatalf("got %+v, want the config", got)
	}
	m := h.await("m1", func(m gatewaytest.Machine) bool { return len(m.Hellos) == 2 })
	if m.Gones != 0 || !m.Connected {
		t.Errorf("the replaced stream was taken for the machine's end: %+v", m)
	}
	second.hang()
	h.await("m1", func(m gatewaytest.Machine) bool { return m.Gones == 1 && !m.Connected })
}

func TestAMachineThatIsNoMoreIsToldSo(t *testing.T) {
	h := newHouse(t)
	h.Add("m1", "s")
	p := h.peer("m1")
	p.join("s")
	s := p.stream()
	h.Remove("m1")
	if got := s.next(); got.Error == "" {
		t.Errorf("got %+v, want an error", got)
	}
	s.ended()
	if _, code := p.open(node.Hello{Machine: "m1"}); code != http.StatusGone {
		t.Errorf("got status %d, want 410", code)
	}
}

func TestWhatIsTooLongIsRefused(t *testing.T) {
	h := newHouse(t)
	h.Add("m1", "s")
	p := h.peer("m1")
	if code, _ := p.post(node.PathJoin, bytes.Repeat([]byte("x"), 1<<20)); code != http.StatusBadRequest {
		t.Errorf("a join of a megabyte: %d", code)
	}
	p.join("s")
	s := p.stream()
	long := node.Report{Config: strings.Repeat("x", node.MaxToService)}
	go s.out.Write(node.ToService{Report: &long})
	s.ended()
	m := h.await("m1", func(m gatewaytest.Machine) bool { return m.Gones == 1 })
	if m.Reports != 0 {
		t.Error("a report over the bound was taken")
	}
}

func TestAMessageThatIsNoneEndsTheStreamAndAnEmptyOneIsAnswered(t *testing.T) {
	h := newHouse(t)
	h.Add("m1", "s")
	p := h.peer("m1")
	p.join("s")
	s := p.stream()
	s.say(node.ToService{})
	if got := s.next(); got.Error == "" {
		t.Errorf("got %+v, want an error", got)
	}
	_, err := io.WriteString(s.raw, "{not json\n")
	must(t, err)
	s.ended()
}

func TestTheEndOfTheServiceEndsTheStreamsAndIsNoted(t *testing.T) {
	h := newHouse(t)
	h.Add("m1", "s")
	p := h.peer("m1")
	p.join("s")
	s := p.stream()
	h.stop()
	s.ended()
	if m := h.await("m1", func(gatewaytest.Machine) bool { return true }); m.Gones != 1 {
		t.Errorf("Serve returned before the registry heard of the end: %+v", m)
	}
}

func TestAnAgentOfAnotherDigestIsToldToUpgrade(t *testing.T) {
	want := node.Upgrade{Digest: "d", Path: "bin/agent", SHA256: "new"}
	h := newHouse(t, func(o *gateway.Options) { o.Agent = want })
	h.Add("m1", "s")
	h.SetConfig("m1", node.Config{Hostname: "one"})
	p := h.peer("m1")
	p.join("s")
	old, _ := p.open(node.Hello{Machine: "m1", Digest: "old"})
	if got := old.next().Upgrade; got == nil || *got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	current, _ := p.open(node.Hello{Machine: "m1", Digest: "new"})
	if got := current.next(); got.Upgrade != nil || got.Config == nil {
		t.Errorf("got %+v, want the config alone", got)
	}
}

func TestABundleIsServedAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "bundle", "bin"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("secret"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "bundle", "bin", "tool"), []byte("0123456789"), 0o755))
	must(t, os.Symlink("../secret", filepath.Join(dir, "bundle", "link")))
	h := newHouse(t, func(o *gateway.Options) {
		o.Bundles = func(digest string) (string, bool) { return filepath.Join(dir, "bundle"), digest == "abc" }
	})
	h.Add("m1", "s")
	p := h.peer("m1")
	p.join("s")
	for path, want := range map[string]int{
		"/bundles/abc/bin/tool":        200,
		"/bundles/abc/bin":             404,
		"/bundles/abc/none":            404,
		"/bundles/other/bin/tool":      404,
		"/bundles/abc/link":            403,
		"/bundles/abc/..%2fsecret":     403,
		"/bundles/abc/%2fetc%2fpasswd": 403,
	} {
		response := get(t, p, path)
		body, err := io.ReadAll(response.Body)
		must(t, err)
		if response.StatusCode != want || strings.Contains(string(body), "secret") {
			t.Errorf("%s: got %d %q, want %d", path, response.StatusCode, body, want)
		}
	}
}

func TestAPeerThatFallsSilentIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := closedHouse(t)
		line := &line{calls: make(chan net.Conn), ended: make(chan struct{})}
		h.serve(line)
		h.Add("m1", "s")
		p := h.peer("m1")
		p.call = line.call
		p.join("s")
		p.stream()
		h.await("m1", func(m gatewaytest.Machine) bool { return m.Connected })
		line.mute.Store(true)
		start := time.Now()
		h.await("m1", func(m gatewaytest.Machine) bool { return m.Gones == 1 })
		if took := time.Since(start); took != 13*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// line is a listener in memory, and the connections to it. Once it is mute its
// callers have lost their power: what they write disappears.
type line struct {
	calls chan net.Conn
	ended chan struct{}
	once  sync.Once
	mute  atomic.Bool
}

func (l *line) call(context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	l.calls <- far
	return caller{near, l}, nil
}

func (l *line) Accept() (net.Conn, error) {
	select {
	case conn := <-l.calls:
		return conn, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (l *line) Close() error {
	l.once.Do(func() { close(l.ended) })
	return nil
}

func (l *line) Addr() net.Addr { return &net.TCPAddr{} }

// caller is a peer's end of it.
type caller struct {
	net.Conn
	line *line
}

func (c caller) Write(p []byte) (int, error) {
	if c.line.mute.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func TestAnAuthorityIsReadAsItWasWritten(t *testing.T) {
	made, err := gateway.NewAuthority(time.Now())
	must(t, err)
	key, err := made.KeyPEM()
	must(t, err)
	read, err := gateway.ParseAuthority(made.PEM(), key)
	must(t, err)
	if !read.Certificate.Equal(made.Certificate) {
		t.Error("another certificate")
	}
	other, err := gateway.NewAuthority(time.Now())
	must(t, err)
	if _, err := gateway.ParseAuthority(other.PEM(), key); err == nil {
		t.Error("a key of another authority was taken")
	}
}

func get(t *testing.T, p *peer, path string) *http.Response {
	t.Helper()
	response, err := p.client.Get("https://" + node.GatewayName + path)
	must(t, err)
	t.Cleanup(func() { response.Body.Close() })
	return response
}

func FuzzStream(f *testing.F) {
	f.Add([]byte(`{"hello":{"machine":"m"}}` + "\n" + `{"report":{"config":"x"}}` + "\n"))
	f.Add([]byte("\n\n{}\n"))
	f.Add([]byte("{\"sign\":{\"name\":\"a\",\"csr\":\"" + strings.Repeat("x", 300) + "\"}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		const bound = 256
		reader := node.NewReader(bytes.NewReader(data), bound)
		lines := slices.DeleteFunc(bytes.Split(data, []byte("\n")), func(l []byte) bool { return len(l) == 0 })
		for i := 0; ; i++ {
			var got, want node.ToService
			err := reader.Read(&got)
			if errors.Is(err, io.EOF) || errors.Is(err, node.ErrTooLong) || err != nil {
				return
			}
			if i >= len(lines) || len(lines[i]) > bound {
				t.Fatalf("message %d is none of the lines", i)
			}
			if json.Unmarshal(lines[i], &want) != nil {
				t.Fatalf("message %d was read from %q", i, lines[i])
			}
		}
	})
}

// TestAMachineWithoutAnAgentFetchesOne does it as an image's own tools do: over
// HTTP/1.1 too, by the address it was told, without an identity.
func TestAMachineWithoutAnAgentFetchesOne(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "agent"), []byte("program"), 0o755))
	h := newHouse(t, func(o *gateway.Options) {
		o.Names = []string{"127.0.0.1", "gateway.example"}
		o.Agent = node.Upgrade{Digest: "d", Path: "agent", SHA256: "d"}
		o.Bundles = func(digest string) (string, bool) { return dir, digest == "d" }
	})
	trusted := x509.NewCertPool()
	trusted.AddCert(h.authority.Certificate)
	for _, name := range []string{"", "gateway.example"} {
		for _, http2 := range []bool{false, true} {
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: name}, ForceAttemptHTTP2: http2}
			client := &http.Client{Transport: transport}
			for path, want := range map[string]int{"/agents/d": 200, "/agents/other": 404, "/bundles/d/agent": 401} {
				response, err := client.Get("https://" + h.tcp + path)
				must(t, err)
				body, err := io.ReadAll(response.Body)
				must(t, errors.Join(err, response.Body.Close()))
				if response.StatusCode != want || (want == 200) != (string(body) == "program") {
					t.Errorf("%s by %q: %d %q", path, name, response.StatusCode, body)
				}
			}
			transport.CloseIdleConnections()
		}
	}
}

func TestAStreamOverHTTP1IsRefused(t *testing.T) {
	h := newHouse(t)
	trusted := x509.NewCertPool()
	trusted.AddCert(h.authority.Certificate)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: node.GatewayName}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Post("https://"+h.tcp+node.PathStream, "", nil)
	must(t, err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusHTTPVersionNotSupported {
		t.Errorf("status %d", response.StatusCode)
	}
}
