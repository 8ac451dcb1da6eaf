package openstack

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// census counts the calls that a cloud makes, by service, verb and kind of
// thing, and how many have a connection at the same time at the most. Calls that
// are repeated, or wait for their turn, are not told apart from others by their
// kind, but have no connection meanwhile.
type census struct {
	next http.RoundTripper

	mu        sync.Mutex
	calls     map[string]int
	now, peak int
}

var (
	ids      = regexp.MustCompile(`/[0-9a-f]{32}|/[0-9a-f-]{36}|/jeroboam-[^/]*`)
	versions = regexp.MustCompile(`^/v[0-9.]+`)
)

// RoundTrip implements http.RoundTripper.
func (c *census) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	kind := fmt.Sprintf("%-8s %-6s %s", testbed.Service(r.URL.Host), r.Method, ids.ReplaceAllString(versions.ReplaceAllString(r.URL.Path, ""), "/*"))
	c.calls[kind]++
	c.mu.Unlock()
	var has atomic.Bool // a connection; one that breaks is not given back
	leave := func(error) {
		if has.CompareAndSwap(true, false) {
			c.under(-1)
		}
	}
	defer leave(nil)
	trace := &httptrace.ClientTrace{PutIdleConn: leave, GotConn: func(httptrace.GotConnInfo) {
		if has.CompareAndSwap(false, true) {
			c.under(1)
		}
	}}
	return c.next.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
}

func (c *census) under(way int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now += way
	c.peak = max(c.peak, c.now)
}

// take returns what was counted since the last time, a line for each kind.
func (c *census) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	sum := 0
	for _, kind := range slices.Sorted(maps.Keys(c.calls)) {
		lines = append(lines, fmt.Sprintf("%4d %s", c.calls[kind], kind))
		sum += c.calls[kind]
	}
	clear(c.calls)
	return fmt.Sprintf("%d calls\n%s", sum, strings.Join(lines, "\n"))
}

// TestTheCallsOfARealCluster prints what one cluster costs, from being asked for
// to being gone.
func TestTheCallsOfARealCluster(t *testing.T) {
	testbed.Long(t)
	h := open(t)
	no := false
	template := h.template(wire.TemplateCreate{Name: "t", ExternalNetworkID: h.things.External, FloatingIPEnabled: &no})
	h.census.take()
	began := time.Now()
	id := h.create(wire.ClusterCreate{Name: "counted", ClusterTemplateID: template}, 1, 1)
	t.Logf("accepted after %d ms: %s", time.Since(began).Milliseconds(), h.census.take())
	h.await(id, jeroboam.CreateComplete)
	t.Log("create: ", h.census.take())
	h.delete(id)
	t.Log("delete: ", h.census.take())
}

// most is how many calls had a connection at the same time.
func (c *census) most() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peak
}
