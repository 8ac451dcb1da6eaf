package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// running is a service of a scenario, and what the scenario has under way
// with it.
type running struct {
	service *exec.Cmd
	ended   chan error
	seen    bool // the scenario has waited for its end
	url     string
	client  *http.Client
	body    *io.PipeWriter // of half a request
	answer  chan answered
	stream  io.ReadCloser
}

type answered struct {
	status string
	err    error
}

// newest is the service that a scenario has started last.
type newest struct{ *running }

type runningKey struct{}

func runningOf(ts *testscript.TestScript) *running { return ts.Value(runningKey{}).(*newest).running }

// clientFor trusts the certificate that the service is started with.
func clientFor(ts *testscript.TestScript, args []string) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if i := slices.Index(args, "--tls-cert"); i >= 0 {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(ts.ReadFile(args[i+1])))
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return &http.Client{Transport: transport}
}

// makeCertificate writes NAME.pem and NAME.key: "certificate NAME".
func makeCertificate(ts *testscript.TestScript, _ bool, args []string) {
	cert, key := selfSigned(ts, args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pem"), cert, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".key"), key, 0o600))
}

// selfSigned is a certificate and a key, in PEM, of a host 127.0.0.1 that signs
// for itself.
func selfSigned(t interface{ Fatalf(string, ...any) }, name string) (cert, key []byte) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("%v", err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	public, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatalf("%v", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// collectSpans starts a collector of OpenTelemetry, puts its address into a
// variable, and writes what it is sent into the file "spans": "collector NAME".
func collectSpans(ts *testscript.TestScript, _ bool, args []string) {
	file, err := os.Create(ts.MkAbs("spans"))
	ts.Check(err)
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.Copy(file, r.Body) // the scenario sees what is missing
	}))
	ts.Defer(func() { server.Close(); ts.Check(file.Close()) })
	ts.Setenv(args[0], server.URL)
}

// askService sends a request and writes status, headers and body into the file
// "answer": "ask GET $URL/v1 [HEADER:VALUE...]".
func askService(ts *testscript.TestScript, _ bool, args []string) {
	r := runningOf(ts)
	request, err := http.NewRequest(args[0], args[1], nil)
	ts.Check(err)
	for _, header := range args[2:] {
		name, value, _ := strings.Cut(header, ":")
		request.Header.Add(name, value)
	}
	response, err := r.client.Do(request)
	ts.Check(err)
	defer response.Body.Close()
	var text bytes.Buffer
	fmt.Fprintln(&text, response.Status)
	ts.Check(response.Header.Write(&text))
	_, err = text.ReadFrom(response.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("answer"), text.Bytes(), 0o600))
}

// chooseAddress puts an address that nobody listens on into a variable:
// "free NAME".
func chooseAddress(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], keepAddress(ts))
}

// askOften sends requests until one is refused because of their number, at most
// so many; "answer" keeps the last: "spend 40 $URL/v1 [HEADER:VALUE...]".
func askOften(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	for range n {
		askService(ts, neg, append([]string{"GET"}, args[1:]...))
		if strings.HasPrefix(ts.ReadFile("answer"), "429 ") {
			return // another request might find that its turn has come
		}
	}
}

// awaitText waits until a file that grows has the text: "await FILE TEXT".
func awaitText(ts *testscript.TestScript, _ bool, args []string) {
	until(ts, args[0]+" has "+args[1], func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && bytes.Contains(text, []byte(args[1]))
	})
}

// awaitRefusal waits until nobody listens at the service's address any more.
func awaitRefusal(ts *testscript.TestScript, _ bool, _ []string) {
	until(ts, "the door is closed", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(runningOf(ts).url, "http://"))
		return err != nil || conn.Close() != nil
	})
}

// askHalf begins a request that makes a template, and stops in the middle of
// its body.
func askHalf(ts *testscript.TestScript, _ bool, _ []string) {
	r := runningOf(ts)
	body, write := io.Pipe()
	request, err := http.NewRequest("POST", r.url+"/v1/clustertemplates", body)
	ts.Check(err)
	request.Header.Set("X-Auth-Token", ts.Getenv("OS_TOKEN"))
	r.body, r.answer = write, make(chan answered, 1)
	go func() {
		response, err := r.client.Do(request)
		if err != nil {
			r.answer <- answered{err: err}
			return
		}
		r.answer <- answered{response.Status, response.Body.Close()}
	}()
	_, err = io.WriteString(write, `{"name":"late","coe":"kubernetes",`)
	ts.Check(err)
	// It is there when it is counted: the log tells of requests when they end.
	until(ts, "the request has arrived", func() bool {
		response, err := r.client.Get("http://" + ts.Getenv("METRICS") + "/metrics")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		return err == nil && bytes.Contains(text, []byte("\njeroboam_http_requests_in_flight 2\n")) // and the stream
	})
}

// askRest sends the other half and wants this status: "finish 201".
func askRest(ts *testscript.TestScript, _ bool, args []string) {
	r := runningOf(ts)
	_, err := io.WriteString(r.body, `"image_id":"sim","flavor_id":"small","master_flavor_id":"small"}`)
	ts.Check(err)
	ts.Check(r.body.Close())
	got := <-r.answer
	ts.Check(got.err)
	if !strings.HasPrefix(got.status, args[0]) {
		ts.Fatalf("the answer is %s, not %s", got.status, args[0])
	}
}

// followEvents opens the stream of a cluster's events: "follow NAME".
func followEvents(ts *testscript.TestScript, _ bool, args []string) {
	r := runningOf(ts)
	request, err := http.NewRequest("GET", r.url+"/v1/clusters/"+args[0]+"/events", nil)
	ts.Check(err)
	request.Header.Set("X-Auth-Token", ts.Getenv("OS_TOKEN"))
	response, err := r.client.Do(request)
	ts.Check(err)
	r.stream = response.Body
}

// endOfEvents wants the stream to end well; what came is in "events".
func endOfEvents(ts *testscript.TestScript, _ bool, _ []string) {
	r := runningOf(ts)
	came, err := io.ReadAll(r.stream)
	ts.Check(err)
	ts.Check(r.stream.Close())
	ts.Check(os.WriteFile(ts.MkAbs("events"), came, 0o600))
}

// signalService sends the service a signal: "signal TERM".
func signalService(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(runningOf(ts).service.Process.Signal(unix.SignalNum("SIG" + args[0])))
}

// endOfService waits until the service has ended, which must be well.
func endOfService(ts *testscript.TestScript, _ bool, _ []string) {
	r := runningOf(ts)
	r.seen = true
	ts.Check(<-r.ended)
}
