package main

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strings"

	"github.com/spf13/pflag"

	"github.com/jeroboam-cloud/jeroboam/engine"
	"github.com/jeroboam-cloud/jeroboam/passage"
)

// passageConfig is how users reach the APIs of clusters that chose the tunnel.
type passageConfig struct {
	Listen string // address; "": users are not let through
	Domain string // with the port that users call, if that is not the one of Listen
}

func (c *passageConfig) flags(f *pflag.FlagSet) {
	f.StringVar(&c.Listen, "api-listen", "", "address at which users are let through to the APIs of clusters with the label api_access=tunnel, such as 127.0.0.1:9513;\nnot given: they are not")
	f.StringVar(&c.Domain, "api-domain", "", "domain in which each of these clusters has the name <cluster ID>.<domain>, all of them leading to api-listen;\nwith :port if users call another port")
}

var domainShape = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

func (c *passageConfig) validate(wrong complaint) {
	if (c.Listen == "") != (c.Domain == "") {
		wrong("api_listen", "Give both --api-listen and --api-domain, or neither.", "api_listen and api_domain: there is one without the other.")
	}
	if _, _, err := net.SplitHostPort(c.Listen); c.Listen != "" && err != nil {
		wrong("api_listen", "Give host:port, such as 127.0.0.1:9513, or nothing.", "api_listen: %q is not an address.", c.Listen)
	}
	if host, _ := c.domain(""); c.Domain != "" && !domainShape.MatchString(host) {
		wrong("api_domain", "Give a domain such as clusters.example.org, or with a port, clusters.example.org:443.", "api_domain: %q is not a domain.", c.Domain)
	}
}

// domain is the domain, and the port that users call.
func (c *passageConfig) domain(listening string) (host, port string) {
	if host, port, ok := strings.Cut(c.Domain, ":"); ok {
		return host, port
	}
	_, port, _ = net.SplitHostPort(listening)
	return c.Domain, port
}

// openPassage listens, so that clusters can be told the port.
func (h *house) openPassage(context.Context) (err error) {
	if h.config.Passage.Listen == "" {
		return nil
	}
	if h.door, err = listen(h.config.Passage.Listen, "--api-listen"); err != nil {
		return err
	}
	domain, _ := h.config.Passage.domain("")
	h.passage = passage.New(passage.Options{Domain: domain, Logger: h.log,
		Open: func(ctx context.Context, cluster string) (net.Conn, error) { return h.engine.Passage(ctx, cluster) }})
	return nil
}

// tunnel is how the engine reaches clusters by their machines' agents. Those of
// simulated machines have no connection to be reached by.
func (h *house) tunnel() engine.Tunnel {
	if h.bundles.Simulated {
		return engine.Tunnel{}
	}
	t := engine.Tunnel{Dial: func(ctx context.Context, server, machine string) (net.Conn, error) {
		return h.gateway.Dial(ctx, server, machine)
	}}
	if h.door != nil {
		t.Domain, t.Port = h.config.Passage.domain(h.door.Addr().String())
	}
	return t
}

// letThrough lets users through until ctx ends.
func (h *house) letThrough(ctx context.Context) error {
	if h.passage == nil {
		return nil
	}
	return h.passage.Serve(ctx, h.door)
}

func (h *house) closePassage() error {
	if h.door == nil {
		return nil
	}
	if err := h.door.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
