package main

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/jeroboam-cloud/jeroboam/api"
)

// publicConfig is how the service meets those it does not know.
type publicConfig struct {
	URL            string        // where callers find the API; "": the address it listens on
	TLSCert        string        // PEM file, with the chain; "": plain HTTP
	TLSKey         string        // PEM file
	TrustedProxies []string      // addresses and networks
	ProxyHeaders   string        // which of them proxies write: see the constants
	Origins        []string      // whose pages may call
	Rate           float64       // requests per second of a project; 0: no limit
	AnonymousRate  float64       // requests per second of an address without a good token; 0: no limit
	StopDelay      time.Duration // from the end's announcement to the end of listening
	StopLimit      time.Duration // for requests under way, after that
}

// What --proxy-headers may be.
const (
	headersX       = "x-forwarded"
	headersRFC7239 = "forwarded"
)

func (p *publicConfig) flags(f *pflag.FlagSet) {
	f.StringVar(&p.URL, "public-url", "", "where callers find the API, such as https://clusters.example.org; not given: the address it listens on")
	f.StringVar(&p.TLSCert, "tls-cert", "", "PEM file of the API's certificate with its chain; not given: plain HTTP")
	f.StringVar(&p.TLSKey, "tls-key", "", "PEM file of the certificate's key")
	f.StringSliceVar(&p.TrustedProxies, "trusted-proxies", nil, "addresses or networks of proxies that are believed when they say for whom they ask")
	f.StringVar(&p.ProxyHeaders, "proxy-headers", headersX, "what those proxies write: "+headersX+" (X-Forwarded-For, -Proto and -Host) or "+headersRFC7239+" (RFC 7239)")
	f.StringSliceVar(&p.Origins, "cors-origins", nil, "origins whose pages may call the API from a browser, such as https://horizon.example.org")
	f.Float64Var(&p.Rate, "rate-limit", 0, "requests per second of one project, ten seconds' worth at once; 0 does not limit")
	f.Float64Var(&p.AnonymousRate, "anonymous-rate-limit", 0, "requests per second of one address without a good token, logins among them; 0 does not limit")
	f.DurationVar(&p.StopDelay, "stop-delay", 0, "how long a service that was told to stop still answers, its health check saying so")
	f.DurationVar(&p.StopLimit, "stop-limit", 15*time.Second, "how long requests under way may then take to end")
}

func (p *publicConfig) validate(wrong complaint) {
	if p.URL != "" && !webAddress(p.URL) {
		wrong("public_url", "Give an address such as https://clusters.example.org.", "public_url: %q is not an address.", p.URL)
	}
	if (p.TLSCert == "") != (p.TLSKey == "") {
		wrong("tls_cert", "Give both --tls-cert and --tls-key, or neither.", "tls_cert and tls_key: there is one without the other.")
	}
	for _, text := range p.TrustedProxies {
		if _, err := network(text); err != nil {
			wrong("trusted_proxies", "Give addresses or networks, such as 10.0.0.7 or 10.0.0.0/24.", "trusted_proxies: %q is neither an address nor a network.", text)
		}
	}
	if p.ProxyHeaders != headersX && p.ProxyHeaders != headersRFC7239 {
		wrong("proxy_headers", "Give "+headersX+" or "+headersRFC7239+".", "proxy_headers: %q is neither.", p.ProxyHeaders)
	}
	for _, text := range p.Origins {
		if !isOrigin(text) {
			wrong("cors_origins", "Give scheme, host and port alone, such as https://horizon.example.org; there is no wildcard.", "cors_origins: %q is not an origin.", text)
		}
	}
	for key, rate := range map[string]float64{"rate_limit": p.Rate, "anonymous_rate_limit": p.AnonymousRate} {
		if !(rate >= 0 && rate <= 1e6) { // nor NaN
			wrong(key, "Give 0, or requests per second.", "%s: %v is not a rate.", key, rate)
		}
	}
	for key, d := range map[string]time.Duration{"stop_delay": p.StopDelay, "stop_limit": p.StopLimit} {
		if d < 0 {
			wrong(key, "Give 0 or more, such as 10s.", "%s: %s is negative.", key, d)
		}
	}
}

// network reads a network, or an address as the network of itself.
func network(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}

// isOrigin reports whether a browser would send the text as an Origin.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && webAddress(text) && text == u.Scheme+"://"+strings.ToLower(u.Host)
}

// offer adds to the API how it meets strangers.
func (p *publicConfig) offer(o api.Options) api.Options {
	for _, text := range p.TrustedProxies {
		proxy, _ := network(text) // validated
		o.TrustedProxies = append(o.TrustedProxies, proxy)
	}
	o.Forwarded = p.ProxyHeaders == headersRFC7239
	o.Origins, o.ProjectRate, o.StrangerRate = p.Origins, p.Rate, p.AnonymousRate
	return o
}

// url is where callers find an API that listens on the address.
func (p *publicConfig) url(listening net.Addr) string {
	if p.URL != "" {
		return strings.TrimSuffix(p.URL, "/")
	}
	if p.TLSCert != "" {
		return "https" + strings.TrimPrefix(endpoint(listening), "http")
	}
	return endpoint(listening)
}

// bare reports whether tokens and passwords cross a network in the clear.
func (p *publicConfig) bare(listening net.Addr) bool {
	at, err := netip.ParseAddrPort(listening.String())
	return err == nil && !at.Addr().IsLoopback() && p.TLSCert == "" && len(p.TrustedProxies) == 0
}
