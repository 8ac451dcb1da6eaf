package agent

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

const (
	dialPatience = 10 * time.Second
	joinPatience = 30 * time.Second
	pingAfter    = 8 * time.Second // of silence; a service that does not answer
	pingPatience = 5 * time.Second // within this is taken for dead
	maxAnswer    = 64 << 10        // bytes of a short answer
)

// dialer calls the gateway over TLS, by TCP or a unix socket.
type dialer struct {
	userData node.UserData
	identity *identity
	network  string // "tcp" or "unix"
	address  string
	trusted  *x509.CertPool
	client   *http.Client // for files; greets with the identity
	now      func() time.Time
}

func newDialer(u node.UserData, i *identity, now func() time.Time) (*dialer, error) {
	d := &dialer{userData: u, identity: i, now: now}
	at, err := url.Parse(u.Gateway)
	if err != nil {
		return nil, fmt.Errorf("user-data: gateway: %w", err)
	}
	switch {
	case at.Scheme == "unix" && at.Path != "":
		d.network, d.address = "unix", at.Path
	case at.Scheme == "https" && at.Port() != "":
		d.network, d.address = "tcp", at.Host
	default:
		return nil, jeroboam.Errorf(jeroboam.Invalid, "user-data",
			"The gateway %q is neither https://host:port nor unix:///path.", u.Gateway)
	}
	d.trusted = x509.NewCertPool()
	if !d.trusted.AppendCertsFromPEM([]byte(u.CA)) {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "user-data", "The gateway's CA holds no certificate.")
	}
	d.client = &http.Client{Transport: d.transport(true)}
	return d, nil
}

// once is a client of one connection for one call. A connection that is kept
// would lead back to a service that is on its way out.
func (d *dialer) once() *http.Client {
	transport := d.transport(false)
	transport.DisableKeepAlives = true
	return &http.Client{Transport: transport}
}

// one is a client of one connection, for a stream and the tunnels beside it. It
// is not kept when they have ended.
func (d *dialer) one() *http.Client {
	transport := d.transport(true)
	transport.HTTP2.MaxReceiveBufferPerStream = streamBuffer
	transport.IdleConnTimeout = time.Second
	return &http.Client{Transport: transport}
}

func (d *dialer) transport(identified bool) *http.Transport {
	config := &tls.Config{
		MinVersion: tls.VersionTLS13,
		RootCAs:    d.trusted,
		ServerName: node.GatewayName,
		Time:       d.now,
	}
	if identified {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if certificate, ok := d.identity.valid(d.now()); ok {
				return certificate, nil
			}
			return new(tls.Certificate), nil // none
		}
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: dialPatience}).DialContext(ctx, d.network, d.address)
		},
		TLSHandshakeTimeout: dialPatience,
		IdleConnTimeout:     dialPatience,
		Protocols:           protocols,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingPatience},
		TLSClientConfig:     config,
	}
}

// close ends connections that are kept for files.
func (d *dialer) close() { d.client.CloseIdleConnections() }

// call calls the gateway; an answer that is not 200 is an error of its kind.
func call(ctx context.Context, client *http.Client, method, path string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "https://"+node.GatewayName+path, body)
	if err != nil {
		return nil, fmt.Errorf("call the gateway: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, jeroboam.Errorf(jeroboam.Unavailable, "gateway", "The service does not answer.").Wrap(err)
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		return nil, refusal(response)
	}
	return response, nil
}

// refusal reads why a call was refused.
func refusal(response *http.Response) error {
	var cause jeroboam.Cause
	err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&cause)
	e := cause.Err()
	if err != nil || e.Kind == "" {
		e = jeroboam.Errorf(jeroboam.Unavailable, "gateway", "The service answers %s.", response.Status)
	}
	if response.StatusCode == http.StatusGone {
		e.Kind = jeroboam.NotFound
	}
	return e
}

// join trades the token for an identity.
func (d *dialer) join(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, joinPatience)
	defer cancel()
	csr, err := d.identity.request()
	if err != nil {
		return err
	}
	body, err := json.Marshal(node.JoinRequest{Machine: d.userData.Machine, Token: d.userData.Token, CSR: csr})
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	response, err := call(ctx, d.once(), http.MethodPost, node.PathJoin, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	defer response.Body.Close()
	var answer node.JoinResponse
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&answer); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	if err := d.identity.accept(answer.Certificate); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	return nil
}
