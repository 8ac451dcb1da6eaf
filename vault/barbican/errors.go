package barbican

import (
	"bytes"
	"errors"
	"net/http"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/jeroboam-cloud/jeroboam"
)

// judge classifies Barbican's answer. All but a quota is between Barbican and
// this service, and no fault of who asks for a cluster.
func judge(err error) error {
	if err == nil {
		return nil
	}
	var answer gophercloud.ErrUnexpectedResponseCode
	errors.As(err, &answer)
	request := named(answer.ResponseHeader)
	switch answer.Actual {
	case http.StatusNotFound:
		return jeroboam.Errorf(jeroboam.NotFound, "barbican-secret", "Barbican has no such secret%s.", request).Wrap(err)
	case http.StatusForbidden:
		// Barbican has no other word for it: barbican/common/exception.py, QuotaReached.
		if bytes.Contains(answer.Body, []byte("quota")) {
			return jeroboam.Errorf(jeroboam.QuotaExceeded, "barbican-quota", "The service's project may keep no more secrets in Barbican%s.", request).
				WithRemedy("The operator raises the project's quota of secrets in Barbican.").Wrap(err)
		}
		return jeroboam.Errorf(jeroboam.Unavailable, "barbican-permission", "Barbican does not let this service keep secrets%s.", request).
			WithRemedy("The operator gives the service's user the role creator in its project.").Wrap(err)
	case http.StatusUnauthorized:
		return refusedLogin(err)
	case http.StatusRequestEntityTooLarge:
		return jeroboam.Errorf(jeroboam.Invalid, "secret-size", "The secret is longer than Barbican takes%s.", request).
			WithRemedy("The operator sets max_allowed_secret_in_bytes to 20000 or more in barbican.conf.").Wrap(err)
	}
	return jeroboam.Errorf(jeroboam.Unavailable, "barbican", "Barbican did not answer as it should%s.", request).
		WithRemedy("Try again in a moment.").Wrap(err)
}

// named is how Barbican's log calls the request.
func named(h http.Header) string {
	if id := h.Get("X-Openstack-Request-Id"); id != "" {
		return " (request " + id + ")"
	}
	return ""
}

// refusedLogin classifies why this service has no token for Barbican.
func refusedLogin(err error) error {
	if lost := new(gophercloud.ErrEndpointNotFound); errors.As(err, &lost) {
		return jeroboam.Errorf(jeroboam.Invalid, "barbican-endpoint", "Keystone's catalogue has no such key manager.").
			WithRemedy("Check the region and the interface, and whether the cloud has Barbican.").Wrap(err)
	}
	for _, code := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest} {
		if gophercloud.ResponseCodeIs(err, code) {
			return jeroboam.Errorf(jeroboam.Unavailable, "barbican-login", "Keystone refuses this service's login for Barbican.").
				WithRemedy("The operator checks the login of the service.").Wrap(err)
		}
	}
	return jeroboam.Errorf(jeroboam.Unavailable, "identity", "The identity service did not answer.").
		WithRemedy("Try again in a moment.").Wrap(err)
}
