package fault

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/jeroboam-cloud/jeroboam"
)

func TestTheCloudsOwnWordsComeUp(t *testing.T) {
	for name, test := range map[string]struct {
		code int
		body string
		kind jeroboam.Kind
		says string
	}{
		"Nova's quota": {403, `{"forbidden": {"code": 403, "message": "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances"}}`,
			jeroboam.QuotaExceeded, "already used 10 of 10 instances"},
		"Neutron's quota": {409, `{"NeutronError": {"type": "OverQuota", "message": "Quota exceeded for resources: ['port'].", "detail": ""}}`,
			jeroboam.QuotaExceeded, "resources: ['port']"},
		"Cinder's quota": {413, `{"overLimit": {"code": 413, "message": "VolumeLimitExceeded: Maximum number of volumes allowed (10) exceeded", "retryAfter": "0"}}`,
			jeroboam.QuotaExceeded, "allowed (10) exceeded"},
		"no addresses": {409, `{"NeutronError": {"type": "IpAddressGenerationFailure", "message": "No more IP addresses available on network 7.", "detail": ""}}`,
			jeroboam.QuotaExceeded, "No more IP addresses"},
		"a policy": {403, `{"forbidden": {"code": 403, "message": "Policy doesn't allow os_compute_api:servers:create to be performed."}}`,
			jeroboam.Forbidden, "Policy doesn't allow"},
		"a wish that cannot be": {400, `{"badRequest": {"code": 400, "message": "The requested availability zone is not available"}}`,
			jeroboam.Invalid, "availability zone is not available"},
		"something in the way": {409, `{"NeutronError": {"type": "SubnetInUse", "message": "Unable to complete operation on subnet.", "detail": ""}}`,
			jeroboam.Unavailable, "Unable to complete"},
		"too much at once":       {429, `{"error": {"code": 429, "title": "Too Many Requests", "message": "Quota of requests"}}`, jeroboam.Unavailable, "Quota of requests"},
		"a token that is not":    {401, `{"error": {"code": 401, "message": "The request you have made requires authentication."}}`, jeroboam.Forbidden, "requires authentication"},
		"a proxy without a word": {502, `<html>Bad Gateway</html>`, jeroboam.Unavailable, "Bad Gateway"},
		"what is gone":           {404, `{"itemNotFound": {"code": 404, "message": "Instance could not be found."}}`, jeroboam.NotFound, "could not be found"},
		"what a provider cannot": {501, `{"faultcode": "Server", "faultstring": "Provider 'ovn' does not support a requested option: ROUND_ROBIN"}`,
			jeroboam.Invalid, "does not support a requested option"},
		"Octavia's form": {400, `{"faultcode": "Client", "faultstring": "Invalid input", "debuginfo": null}`, jeroboam.Invalid, "Invalid input"},
	} {
		t.Run(name, func(t *testing.T) {
			cause := gophercloud.ErrUnexpectedResponseCode{Actual: test.code, Body: []byte(test.body),
				ResponseHeader: http.Header{"X-Openstack-Request-Id": {"req-7"}}}
			err := Refuse("Nova", "make the server a", fmt.Errorf("with more around: %w", cause))
			e, ok := jeroboam.AsError(err)
			if !ok || e.Kind != test.kind || e.Reason == "" || e.Remedy == "" {
				t.Fatalf("got %+v, want the kind %s", err, test.kind)
			}
			for _, says := range []string{"Nova did not make the server a: ", test.says, fmt.Sprint(test.code), "req-7"} {
				if !strings.Contains(e.Detail, says) {
					t.Errorf("%q does not say %q", e.Detail, says)
				}
			}
		})
	}
}

func TestWhoDoesNotAnswerIsAskedAgain(t *testing.T) {
	if err := Refuse("Neutron", "list ports", errors.New("connection refused")); jeroboam.KindOf(err) != jeroboam.Unavailable {
		t.Errorf("got %v", err)
	}
	if err := Refuse("Neutron", "list ports", nil); err != nil {
		t.Errorf("got %v", err)
	}
	ours := jeroboam.Errorf(jeroboam.Invalid, "network", "There are two.")
	if err := Refuse("Neutron", "list ports", ours); !errors.Is(err, ours) || jeroboam.KindOf(err) != jeroboam.Invalid {
		t.Errorf("got %v, want what was judged already", err)
	}
}

func TestTheFaultOfAServer(t *testing.T) {
	s := servers.Server{ID: "1", Name: "demo-worker-0", Fault: servers.Fault{Message: "No valid host was found. There are not enough hosts available."}}
	e := OfServer(s, "req-7")
	if e.Kind != jeroboam.QuotaExceeded || !strings.Contains(e.Detail, "No valid host") || !strings.Contains(e.Detail, "req-7") || e.Remedy == "" {
		t.Errorf("got %+v", e)
	}
	s.Fault.Message = "Build of instance aborted"
	if e := OfServer(s, ""); e.Kind != jeroboam.Unavailable || !strings.Contains(e.Detail, "aborted") {
		t.Errorf("got %+v", e)
	}
}
