package main

import "testing"

func TestTheAddressThatCallersAreTold(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]publicConfig{
		"http://127.0.0.1:9511":        {},
		"https://127.0.0.1:9511":       {TLSCert: "x"},
		"https://clusters.example.org": {TLSCert: "x", URL: "https://clusters.example.org/"},
	} {
		if got := c.url(address("127.0.0.1:9511")); got != want {
			t.Errorf("%+v: %s, want %s", c, got, want)
		}
	}
	for at, bare := range map[string]bool{"127.0.0.1:1": false, "[::1]:1": false, "0.0.0.0:1": true, "[::]:1": true, "192.0.2.1:1": true} {
		if c := (publicConfig{}); c.bare(address(at)) != bare {
			t.Errorf("%s: bare %v", at, !bare)
		}
	}
	if c := (publicConfig{TrustedProxies: []string{"10.0.0.1"}}); c.bare(address("192.0.2.1:1")) {
		t.Error("a proxy is in front")
	}
}

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }
