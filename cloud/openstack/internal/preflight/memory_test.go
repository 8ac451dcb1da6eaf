package preflight

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// quota is a Neutron that tells of one network that there may be.
type quota struct{ used, asked int }

func (q *quota) RoundTrip(r *http.Request) (*http.Response, error) {
	q.asked++
	body := fmt.Sprintf(`{"quota": {"network": {"used": %d, "limit": 1}}}`, q.used)
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{"Content-Type": {"application/json"}}, Request: r}, nil
}

func TestWhatIsRememberedSpeaksForADemandOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &quota{used: 1}
		c := Cloud{Memory: &Memory{}, Neutron: &gophercloud.ServiceClient{
			ProviderClient: &gophercloud.ProviderClient{HTTPClient: http.Client{Transport: q}}, Endpoint: "http://neutron.example.org/v2.0/"}}
		check := func(what string, used, problems, asked int) {
			t.Helper()
			q.used, q.asked = used, 0
			if got := c.Check(t.Context(), Demand{Shared: Shared{New: true, CIDR: "10.0.0.0/24"}}); len(got) != problems || q.asked != asked {
				t.Errorf("%s: %d problems after %d calls (%v), want %d after %d", what, len(got), q.asked, got, problems, asked)
			}
			time.Sleep(time.Second)
		}
		check("no room", 1, 1, 1)
		check("room was made since", 0, 0, 1)
		check("asked again at once", 0, 0, 0)
		time.Sleep(moment)
		check("asked a while later", 1, 1, 1)
	})
}
