package bulk

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
)

// neutron makes ports, the last one first, but none that is called "bad", and
// answers nothing when there is one called "slow".
type neutron struct {
	mu    sync.Mutex
	calls []string // names, as they came
}

func (n *neutron) RoundTrip(r *http.Request) (*http.Response, error) {
	var body struct {
		Port  *ports.Port
		Ports []ports.Port
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, err
	}
	all := body.Ports
	if body.Port != nil {
		all = []ports.Port{*body.Port}
	}
	var names, made []string
	for _, v := range all {
		names = append(names, v.Name)
		made = append(made, fmt.Sprintf(`{"id": "id of %s", "name": %q, "description": %q}`, v.Name, v.Name, v.Description))
	}
	n.mu.Lock()
	n.calls = append(n.calls, r.URL.Path+" "+strings.Join(slices.Sorted(slices.Values(names)), " "))
	n.mu.Unlock()
	slices.Reverse(made)
	code, text := http.StatusCreated, fmt.Sprintf(`{"ports": [%s]}`, strings.Join(made, ", "))
	switch {
	case slices.Contains(names, "slow"):
		code, text = http.StatusGatewayTimeout, "{}"
	case slices.Contains(names, "bad"):
		code, text = http.StatusConflict, fmt.Sprintf(`{"NeutronError": {"message": "not %d"}}`, len(names))
	case body.Port != nil:
		text = fmt.Sprintf(`{"port": %s}`, made[0])
	}
	return &http.Response{StatusCode: code, Body: io.NopCloser(strings.NewReader(text)), Header: http.Header{"Content-Type": {"application/json"}}, Request: r}, nil
}

func TestWhatIsWantedAtTheSameTimeIsMadeInOneCall(t *testing.T) {
	for _, c := range []struct {
		name  string
		wants []string
		calls []string
		got   []string // what each hears
	}{
		{"one goes as it is", []string{"a"}, []string{"/v2.0/ports a"}, []string{"id of a"}},
		{"several go together, and each gets his own", []string{"a", "b", "c"}, []string{"/v2.0/ports a b c"},
			[]string{"id of a", "id of b", "id of c"}},
		{"one that is refused is told so alone", []string{"a", "bad"}, []string{"/v2.0/ports a bad", "/v2.0/ports a", "/v2.0/ports bad"},
			[]string{"id of a", "not 1"}},
		{"one that goes alone is not repeated", []string{"bad"}, []string{"/v2.0/ports bad"}, []string{"not 1"}},
		{"what is not answered nobody repeats", []string{"a", "slow"}, []string{"/v2.0/ports a slow"}, []string{"504", "504"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var cloud neutron
				client := &gophercloud.ServiceClient{ProviderClient: &gophercloud.ProviderClient{HTTPClient: http.Client{Transport: &cloud}}, Endpoint: "http://neutron.example.org/v2.0/"}
				var p Ports
				var all sync.WaitGroup
				got := make([]string, len(c.wants))
				for i, name := range c.wants {
					all.Go(func() {
						made, err := p.Make(t.Context(), client, ports.CreateOpts{NetworkID: "n", Name: name, Description: "mark"})
						if got[i] = made.ID; err != nil {
							got[i] = err.Error()
						}
					})
				}
				all.Wait()
				for i, want := range c.got {
					if !strings.Contains(got[i], want) {
						t.Errorf("who wants %s hears %q, want %q", c.wants[i], got[i], want)
					}
				}
				slices.Sort(cloud.calls)
				slices.Sort(c.calls)
				if !slices.Equal(cloud.calls, c.calls) {
					t.Errorf("calls %q, want %q", cloud.calls, c.calls)
				}
			})
		})
	}
}
