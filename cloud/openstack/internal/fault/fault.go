// Package fault puts what the services of an OpenStack say into the words of the
// contract, and keeps their own beside.
package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/jeroboam-cloud/jeroboam"
)

// Refuse classifies why a service of the cloud did not do something, e.g. "make
// the port demo-worker-0". The service's own words and the id of the request
// stay in the Detail.
func Refuse(service, doing string, err error) error {
	if err == nil {
		return nil
	}
	err = Beneath(err)
	if _, ours := jeroboam.AsError(err); ours {
		return fmt.Errorf("%s: %w", doing, err)
	}
	var answer gophercloud.ErrUnexpectedResponseCode
	if !errors.As(err, &answer) {
		return jeroboam.Errorf(jeroboam.Unavailable, reason(service), "%s did not answer when asked to %s.", service, doing).
			WithRemedy("It is asked again by itself.").Wrap(err)
	}
	said, sort := words(answer.Body)
	if said == "" {
		said = http.StatusText(answer.Actual)
	}
	kind, why := classify(answer.Actual, sort+" "+said)
	if why == "" {
		why = reason(service)
	}
	detail := fmt.Sprintf("%s did not %s: %s (%d%s).", service, doing, strings.TrimRight(said, ". "), answer.Actual, requestOf(answer.ResponseHeader))
	return jeroboam.Errorf(kind, why, "%s", detail).WithRemedy("%s", remedies[kind]).Wrap(err)
}

// Beneath is what happened while a token was renewed, or after it.
func Beneath(err error) error {
	if lost := new(gophercloud.ErrUnableToReauthenticate); errors.As(err, &lost) {
		return lost.ErrReauth
	}
	if after := new(gophercloud.ErrErrorAfterReauthentication); errors.As(err, &after) {
		return after.ErrOriginal
	}
	return err
}

func reason(service string) string { return strings.ToLower(service) }

// Remedy is what a person can do about a refusal of a kind.
func Remedy(kind jeroboam.Kind) string { return remedies[kind] }

var remedies = map[jeroboam.Kind]string{
	jeroboam.QuotaExceeded: "Delete what is no longer needed, or ask the operator of the cloud for a larger quota.",
	jeroboam.Forbidden:     "The operator gives the service's user the role that the cloud's policy asks for in this project.",
	jeroboam.Unavailable:   "It is asked again by itself.",
	jeroboam.NotFound:      "Somebody else may have removed it.",
	jeroboam.Invalid:       "Change what the cluster or its template asks for.",
}

// exhausted are the words of the services for a limit that is met, whatever the
// status they send with it.
var exhausted = regexp.MustCompile(`(?i)quota|already exceeded|overlimit|limitexceeded|limit exceeded|IpAddressGenerationFailure|No more IP addresses|ExternalIpAddressExhausted`)

func classify(code int, said string) (jeroboam.Kind, string) {
	switch {
	case code == http.StatusUnauthorized:
		return jeroboam.Forbidden, ReasonLogin
	case code/100 == 4 && code != http.StatusTooManyRequests && exhausted.MatchString(said):
		return jeroboam.QuotaExceeded, "quota"
	case code == http.StatusForbidden:
		return jeroboam.Forbidden, ""
	case code == http.StatusNotFound:
		return jeroboam.NotFound, ""
	case code == http.StatusNotImplemented: // by the provider of a balancer, for one
		return jeroboam.Invalid, ""
	case code == http.StatusConflict, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout,
		code == http.StatusRequestEntityTooLarge, code >= 500:
		return jeroboam.Unavailable, ""
	}
	return jeroboam.Invalid, ""
}

// words finds the message of an error's body, and its type if it has one. Each
// service has a form of its own:
//
//	{"forbidden": {"code": 403, "message": "…"}}                     Nova, Cinder
//	{"NeutronError": {"type": "OverQuota", "message": "…"}}          Neutron
//	{"error": {"code": 401, "title": "…", "message": "…"}}           Keystone
//	{"faultcode": "Client", "faultstring": "…"}                      Octavia
//	<html>… 413 …</html>                                             Glance, proxies
func words(body []byte) (said, sort string) {
	var outer map[string]json.RawMessage
	if json.Unmarshal(body, &outer) != nil {
		return "", ""
	}
	var text string
	if json.Unmarshal(outer["faultstring"], &text) == nil {
		return text, ""
	}
	for _, raw := range outer {
		var inner struct{ Type, Message string }
		if json.Unmarshal(raw, &inner) == nil && inner.Message != "" {
			return inner.Message, inner.Type
		}
	}
	return "", ""
}

func requestOf(h http.Header) string {
	for _, name := range []string{"X-Openstack-Request-Id", "X-Compute-Request-Id"} {
		if id := h.Get(name); id != "" {
			return ", request " + id
		}
	}
	return ""
}

// Absent reports whether err says that something is not there.
func Absent(err error) bool {
	lost := new(gophercloud.ErrEndpointNotFound)
	return gophercloud.ResponseCodeIs(err, http.StatusNotFound) || errors.As(err, &lost)
}

// Busy reports whether something is still used by what is on its way out.
func Busy(err error) bool { return gophercloud.ResponseCodeIs(err, http.StatusConflict) }

// ReasonDeleting tells of what is on its way out: nothing is wrong.
const ReasonDeleting = "deleting"

// Deleting says that something is on its way out.
func Deleting(what string) error {
	return jeroboam.Errorf(jeroboam.Unavailable, ReasonDeleting, "The %s is being deleted.", what)
}

// Gone turns the answer to a delete in Neutron into the contract's.
func Gone(what string, err error) error {
	if err == nil || Absent(err) {
		return nil
	}
	return Refuse("Neutron", "delete the "+what, err)
}

// ReasonLogin tells of a login that is refused.
const ReasonLogin = "login"

// ShutOut reports whether a login to a project was refused.
func ShutOut(err error) bool {
	e, ours := jeroboam.AsError(err)
	return ours && e.Kind == jeroboam.Forbidden && e.Reason == ReasonLogin
}

// OfServer tells why a server is in the state ERROR. request is the id of the
// request that made it, if it is known.
func OfServer(s servers.Server, request string) *jeroboam.Error {
	said := strings.TrimRight(s.Fault.Message, ". ")
	if said == "" {
		said = "Nova tells no reason"
	}
	if request != "" {
		request = ", request " + request
	}
	detail := fmt.Sprintf("The server %s (%s%s) failed: %s.", s.Name, s.ID, request, said)
	if strings.Contains(said, "No valid host") || strings.Contains(said, "No Valid Host") {
		return jeroboam.Errorf(jeroboam.QuotaExceeded, "no-valid-host", "%s", detail).
			WithRemedy("Choose a smaller flavor or another zone, place machines less strictly with the label server_group_policies, or ask the operator of the cloud for room.")
	}
	return jeroboam.Errorf(jeroboam.Unavailable, "server-error", "%s", detail).WithRemedy("It is made anew by itself.")
}
