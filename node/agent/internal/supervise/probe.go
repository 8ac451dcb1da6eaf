package supervise

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/jeroboam-cloud/jeroboam/node"
)

// The rhythm of a probe: eager for as long as a service needs to start, then
// ever slower, so that a machine that waits costs nothing.
const (
	probeFirst   = 50 * time.Millisecond
	probeCheap   = 20 * time.Millisecond // a socket costs less to ask than a URL
	probeLast    = time.Second
	probeEager   = 15 * time.Second // before it slows down: a busy host's control plane needs some
	probeQuiet   = 3 * time.Second  // in which failing is what a probe should do
	probeTimeout = 5 * time.Second  // of one attempt
	probeReport  = 10 * time.Second // between reports of why it fails
	maxAnswer    = 4 << 10          // bytes of an answer that are read
)

// until repeats a probe until it passes or ctx ends; failing hears of every
// attempt in vain.
func until(ctx context.Context, probe node.Probe, failing func(error)) error {
	p := &prober{probe: probe}
	defer p.close()
	pause := probeFirst
	if probe.URL == "" {
		pause = probeCheap
	}
	start := time.Now()
	for {
		err := p.once(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		failing(err)
		if time.Since(start) > probeEager {
			pause = min(pause*5/4, probeLast)
		}
		if !Sleep(ctx, pause) {
			return ctx.Err()
		}
	}
}

// Sleep reports false when ctx ended first.
func Sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// prober asks one probe again and again over one HTTP client.
type prober struct {
	probe  node.Probe
	client *http.Client
}

func (p *prober) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	switch {
	case p.probe.Socket != "":
		return dial(ctx, "unix", p.probe.Socket)
	case p.probe.Address != "":
		return dial(ctx, "tcp", p.probe.Address)
	default:
		return p.get(ctx)
	}
}

func dial(ctx context.Context, network, address string) error {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	return conn.Close()
}

func (p *prober) get(ctx context.Context) error {
	if p.client == nil {
		config, err := probeTLS(p.probe)
		if err != nil {
			return err // its files may still be on their way
		}
		p.client = newClient(config)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.probe.URL, nil)
	if err != nil {
		return err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer) // so that the connection can be used again
	response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("%s answers %s", p.probe.URL, response.Status)
	}
	return nil
}

func (p *prober) close() {
	if p.client != nil {
		p.client.CloseIdleConnections()
	}
}

func newClient(config *tls.Config) *http.Client {
	return &http.Client{
		Transport: &http.Transport{TLSClientConfig: config, MaxIdleConns: 1},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// probeTLS reads the probe's files.
func probeTLS(probe node.Probe) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if probe.CA != "" {
		pem, err := os.ReadFile(probe.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New(probe.CA + " holds no certificate")
		}
	}
	if probe.Cert != "" {
		pair, err := tls.LoadX509KeyPair(probe.Cert, probe.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
