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
	client   *http.Client // greets with the identity
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
	transport := d.transport()
	transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if certificate, ok := i.valid(now()); ok {
			return certificate, nil
		}
		return new(tls.Certificate), nil // none
	}
	d.client = &http.Client{Transport: transport}
	return d, nil
}

func (d *dialer) transport() *http.Transport {
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
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS13,
			RootCAs:    d.trusted,
			ServerName: node.GatewayName,
			Time:       d.now,
		},
	}
}

// close ends connections that carry no call.
func (d *dialer) close() { d.client.CloseIdleConnections() }

// do calls the gateway; an answer that is not 200 is an error of its kind.
func (d *dialer) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	return call(ctx, d.client, method, path, body)
}

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
	e := &jeroboam.Error{Kind: cause.Kind, Reason: cause.Reason, Detail: cause.Detail, Remedy: cause.Remedy}
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
	transport := d.transport() // a connection of its own: this one has no certificate
	transport.DisableKeepAlives = true
	response, err := call(ctx, &http.Client{Transport: transport}, http.MethodPost, node.PathJoin, bytes.NewReader(body))
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
