package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

// origin is where a request came from and under which address.
type origin struct {
	client netip.Addr // zero if it cannot be told
	scheme string
	host   string
}

// hop is what one proxy says of who called it. Empty: nothing.
type hop struct {
	client netip.Addr
	scheme string
	host   string
}

// originOf believes X-Forwarded-For, -Proto and -Host, or in their place
// Forwarded, as far as trusted proxies wrote them: from the end, to the first
// address that is no trusted proxy. Never both: proxies pass on what they do
// not know, and a client may write what its proxy does not.
func (s *server) originOf(r *http.Request) origin {
	at := origin{client: peer(r.RemoteAddr), scheme: "http", host: r.Host}
	if r.TLS != nil {
		at.scheme = "https"
	}
	if len(s.TrustedProxies) == 0 || !s.trusts(at.client) {
		return at
	}
	hops := forwardedFor(r.Header)
	if s.Forwarded {
		hops = forwarded(r.Header)
	}
	for _, h := range slices.Backward(hops) {
		at.add(h)
		if !h.client.IsValid() || !s.trusts(h.client) {
			break
		}
	}
	return at
}

func (s *server) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

func (o *origin) add(h hop) {
	if h.client.IsValid() {
		o.client = h.client
	}
	if h.scheme == "http" || h.scheme == "https" {
		o.scheme = h.scheme
	}
	if plausibleHost(h.host) {
		o.host = h.host
	}
}

// plausibleHost refuses what would break out of a link.
func plausibleHost(host string) bool {
	return host != "" && len(host) <= 255 && strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-_:[]") == ""
}

// forwarded are the hops of Forwarded in the order in which proxies wrote them.
func forwarded(h http.Header) []hop {
	lines := list(h, "Forwarded")
	hops := make([]hop, len(lines))
	for i, line := range lines {
		hops[i] = element(line)
	}
	return hops
}

// forwardedFor are the hops of X-Forwarded-*, as far as they are listed.
func forwardedFor(h http.Header) []hop {
	clients, schemes, hosts := list(h, "X-Forwarded-For"), list(h, "X-Forwarded-Proto"), list(h, "X-Forwarded-Host")
	hops := make([]hop, max(len(clients), len(schemes), len(hosts)))
	for i := range hops { // the last of each list belong together
		back := len(hops) - i
		hops[i] = hop{peer(fromEnd(clients, back)), strings.ToLower(fromEnd(schemes, back)), fromEnd(hosts, back)}
	}
	return hops
}

func fromEnd(list []string, n int) string {
	if n > len(list) {
		return ""
	}
	return list[len(list)-n]
}

// list is the values of a header, which may be several in a line and in several
// lines.
func list(h http.Header, name string) []string {
	var out []string
	for _, line := range h.Values(name) {
		for value := range strings.SplitSeq(line, ",") {
			out = append(out, strings.TrimSpace(value))
		}
	}
	return out
}

// element reads one element of a Forwarded header, such as
// for="[2001:db8::1]:4711";proto=https;host=cloud.example.
func element(text string) hop {
	var out hop
	for pair := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(name) {
		case "for":
			out.client = peer(value)
		case "proto":
			out.scheme = strings.ToLower(value)
		case "host":
			out.host = value
		}
	}
	return out
}

// peer reads an address with or without its port; zero if it is none, such as
// the "unknown" of RFC 7239.
func peer(text string) netip.Addr {
	if with, err := netip.ParseAddrPort(text); err == nil {
		return with.Addr().Unmap().WithZone("")
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// siteOf is the address under which the client reached the service.
func (s *server) siteOf(r *http.Request, v wire.Version) wire.Site {
	at := s.originOf(r)
	return wire.Site{URL: at.scheme + "://" + at.host, Version: v}
}
