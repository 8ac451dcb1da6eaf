package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// Servers of one database reach each other's agents: one asks the other at its
// gateway's address, greeting with the gateway's own certificate, which the
// authority that they share has signed and no agent can have.

// pathMachines is followed by a machine's ID.
const pathMachines = "/machines/"

const maxRefusal = 64 << 10 // bytes

// peers is a client of the other servers' gateways.
func peers(authority Authority, own *serverCertificate, now func() time.Time) *http.Client {
	trusted := x509.NewCertPool()
	trusted.AddCert(authority.Certificate)
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, RootCAs: trusted, ServerName: node.GatewayName, Time: now,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own.get(nil) },
		},
		TLSHandshakeTimeout: requestPatience,
		IdleConnTimeout:     time.Minute,
		Protocols:           protocols,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingPatience},
	}}
}

// dialBy is Dial through the server at a URL.
func (g *Gateway) dialBy(ctx context.Context, server, machine string) (net.Conn, error) {
	near, far := net.Pipe()
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	settled := context.AfterFunc(ctx, end) // until there is an answer; then the connection lives on
	context.AfterFunc(life, func() { _ = near.Close() })
	answer, err := g.callPeer(life, server+pathMachines+machine, near)
	if err != nil || !settled() {
		end()
		_ = far.Close()
		if err == nil {
			answer.Close()
			err = noTunnel(ctx.Err())
		}
		return nil, err
	}
	go func() { // ends with either end of the connection
		defer end()
		defer answer.Close()
		_, _ = io.Copy(near, answer)
	}()
	return far, nil
}

func (g *Gateway) callPeer(ctx context.Context, url string, body io.Reader) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		return nil, jeroboam.Errorf(jeroboam.Internal, "peer", "The address of another server is none.").Wrap(err)
	}
	response, err := g.peers.Do(request)
	if err != nil {
		return nil, jeroboam.Errorf(jeroboam.Unavailable, "peer", "The server that the machine's agent has called does not answer this one.").
			WithRemedy("See whether the servers reach each other's --gateway-peer-url.").Wrap(err)
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer response.Body.Close()
	var cause jeroboam.Cause
	if json.NewDecoder(io.LimitReader(response.Body, maxRefusal)).Decode(&cause) != nil || cause.Kind == "" {
		return nil, jeroboam.Errorf(jeroboam.Unavailable, "peer", "The server that the machine's agent has called answers %s.", response.Status)
	}
	return nil, cause.Err()
}

// peer connects another server with a machine whose agent is here.
func (g *Gateway) peer(w http.ResponseWriter, r *http.Request) {
	if caller(r) != node.GatewayName {
		g.refuse(w, r, caller(r), jeroboam.Errorf(jeroboam.Forbidden, "peer", "This is for the servers of the service."))
		return
	}
	conn, err := g.Dial(r.Context(), "", r.PathValue("machine"))
	if err != nil {
		g.refuse(w, r, r.PathValue("machine"), err)
		return
	}
	relay(w, r, conn)
}
