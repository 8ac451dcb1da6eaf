package kubernetes

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jeroboam-cloud/jeroboam/coe"
)

const (
	callTimeout = 10 * time.Second
	idleTimeout = 90 * time.Second
	// maxAnswer is more than a list of thousands of nodes.
	maxAnswer = 256 << 20
	// maxClients bounds what is kept of clusters that are gone.
	maxClients = 1024
)

// clients keeps one set of connections per cluster, so that asking often is
// cheap. It forgets one when the cluster's access changes.
type clients struct {
	mu    sync.Mutex
	known map[string]*client // by cluster ID
}

// client speaks the few calls of the Kubernetes API that this package needs.
type client struct {
	key     [sha256.Size]byte // of the access it was made from
	base    string
	http    *http.Client
	settled atomic.Bool // seen to accept pods, once
}

func newClients() *clients { return &clients{known: map[string]*client{}} }

// of returns the client of the cluster.
func (c *clients) of(access coe.Access) (*client, error) {
	key := sha256.Sum256([]byte(access.Endpoint + "\x00" + access.CA + "\x00" + access.Cert))
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.known[access.Cluster]
	if ok && known.key == key {
		return known, nil
	}
	fresh, err := newClient(access)
	if err != nil {
		return nil, err
	}
	fresh.key = key
	if ok {
		known.http.CloseIdleConnections()
	}
	c.keep(access.Cluster, fresh)
	return fresh, nil
}

// keep remembers a client, and forgets any other one when there are too many.
func (c *clients) keep(cluster string, fresh *client) {
	for other, old := range c.known {
		if len(c.known) < maxClients {
			break
		}
		old.http.CloseIdleConnections()
		delete(c.known, other)
	}
	c.known[cluster] = fresh
}

func newClient(access coe.Access) (*client, error) {
	cert, err := tls.X509KeyPair([]byte(access.Cert), []byte(access.Key.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("access to cluster %s: %w", access.Cluster, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(access.CA)) {
		return nil, fmt.Errorf("access to cluster %s: no certificate authority", access.Cluster)
	}
	return &client{base: access.Endpoint, http: &http.Client{Timeout: callTimeout, Transport: &http.Transport{
		DialContext:         access.Dial, // nil: as any client dials
		TLSClientConfig:     &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: callTimeout / 2,
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     idleTimeout,
	}}}, nil
}

// apiError is an answer other than 2xx: Kubernetes' own Status object.
type apiError struct {
	Code    int    `json:"code"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Details struct {
		Causes []struct {
			Reason  string `json:"reason"`
			Message string `json:"message"`
		} `json:"causes"`
	} `json:"details"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.Code, e.Reason, e.Message) }

// call sends body, if any, as JSON of the given type, and reads the answer into
// answer, if any.
func (c *client) call(ctx context.Context, method, path, contentType string, body, answer any) error {
	request, err := c.request(ctx, method, path, contentType, body)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	limited := io.LimitReader(response.Body, maxAnswer)
	if response.StatusCode/100 != 2 {
		return readError(response.StatusCode, limited)
	}
	if answer == nil {
		_, err = io.Copy(io.Discard, limited) // a body read to its end frees the connection
		return err
	}
	return json.NewDecoder(limited).Decode(answer)
}

func (c *client) request(ctx context.Context, method, path, contentType string, body any) (*http.Request, error) {
	var payload io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		payload = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, payload)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "jeroboam")
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	return request, nil
}

// readError reads a Status; an answer that is none is shown as it came.
func readError(code int, body io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(body, 64<<10))
	if err != nil {
		return err
	}
	status := &apiError{}
	if json.Unmarshal(text, status) != nil || status.Message == "" {
		status.Message = string(text)
	}
	status.Code = code
	return status
}

// codeOf is the HTTP status of an answer other than 2xx, 0 for anything else.
func codeOf(err error) int {
	var status *apiError
	if errors.As(err, &status) {
		return status.Code
	}
	return 0
}

const (
	typeJSON       = "application/json"
	typeMergePatch = "application/merge-patch+json"
)
