package faults

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestEveryFaultIsMadeAndCounted(t *testing.T) {
	var served atomic.Int64
	var cloud *httptest.Server
	cloud = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		fmt.Fprintf(w, `{"things": [1, 2, 3, 4], "href": "%s/next"}`, cloud.URL)
	}))
	t.Cleanup(cloud.Close)
	p := Open(t, 1, cloud.URL)
	front := p.Front(cloud.URL)
	ask := func(method string, token int) (string, error) {
		r, err := http.NewRequestWithContext(t.Context(), method, front+"/things", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Auth-Token", fmt.Sprint(token))
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		return fmt.Sprint(answer.StatusCode, " ", string(body)), err
	}
	whole := fmt.Sprintf(`200 {"things": [1, 2, 3, 4], "href": "%s/next"}`, front)
	if got, err := ask(http.MethodGet, 0); err != nil || got != whole {
		t.Fatalf("got %q (%v), want %q", got, err, whole)
	}
	p.second = time.Microsecond
	p.Allow(300)
	before, spoilt := served.Load(), 0
	for n := 1; p.left > 0; n++ {
		method := []string{http.MethodGet, http.MethodPost}[n%2]
		if got, err := ask(method, n); err != nil || got != whole {
			spoilt++
		}
	}
	each, all, calls := p.Count()
	if all != 300 || spoilt != 300-each[Slow] || calls <= 300 {
		t.Errorf("%d faults in %d calls, %d seen", all, calls, spoilt)
	}
	refused := each[Broken] + each[TooMany] + each[Conflict] + each[Ended]
	if got := int(served.Load() - before); got != calls-1-refused {
		t.Errorf("the cloud served %d calls, want %d without %d", got, calls-1, refused)
	}
	for _, f := range []Fault{Broken, TooMany, Slow, Ended, Conflict, Swallowed, Timeout, CutOff, Half, Empty} {
		if each[f] == 0 {
			t.Errorf("there was never %q", f)
		}
	}
	p.Stop()
	if got, err := ask(http.MethodGet, 0); err != nil || !strings.HasPrefix(got, "200") {
		t.Errorf("after the faults: %q (%v)", got, err)
	}
}
