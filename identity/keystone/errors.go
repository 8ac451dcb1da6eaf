package keystone

import (
	"errors"
	"net/http"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/jeroboam-cloud/jeroboam"
)

var errStale = unauthenticated("The token is not valid.")

func unauthenticated(detail string) *jeroboam.Error {
	return jeroboam.Errorf(jeroboam.Unauthenticated, "token", "%s", detail).WithRemedy("Log in again.")
}

// judge classifies Keystone's answer to a token that was shown to it. Only 404
// speaks of that token; the rest is between Keystone and this service.
func judge(err error) error {
	switch {
	case err == nil:
		return nil
	case gophercloud.ResponseCodeIs(err, http.StatusNotFound):
		return errStale
	case gophercloud.ResponseCodeIs(err, http.StatusForbidden):
		return jeroboam.Errorf(jeroboam.Unavailable, "identity-permission", "The identity service does not let this service validate tokens.").
			WithRemedy("The operator gives the service's user the role admin or service in its project.").Wrap(err)
	}
	return unavailable(err)
}

func unavailable(err error) *jeroboam.Error {
	return jeroboam.Errorf(jeroboam.Unavailable, "identity", "The identity service did not answer.").
		WithRemedy("Try again in a moment.").Wrap(err)
}

// refusedLogin classifies why this service has no token of its own.
func refusedLogin(err error) error {
	for _, code := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest} {
		if gophercloud.ResponseCodeIs(err, code) {
			return jeroboam.Errorf(jeroboam.Invalid, "keystone-login", "Keystone refuses this service's own login.").
				WithRemedy("Check the user, its password, the project and their domains, or the application credential.").Wrap(err)
		}
	}
	if lost := new(gophercloud.ErrEndpointNotFound); errors.As(err, &lost) {
		return jeroboam.Errorf(jeroboam.Invalid, "keystone-endpoint", "Keystone's catalogue has no such identity endpoint.").
			WithRemedy("Check the region and the interface, or name neither: the address of Keystone itself is asked then.").Wrap(err)
	}
	return unavailable(err)
}

// misfortune turns a login that failed into what a request may see: whatever
// it was, it is not the caller's fault.
func misfortune(err error) error {
	if jeroboam.KindOf(err) == jeroboam.Unavailable {
		return err
	}
	return jeroboam.Errorf(jeroboam.Unavailable, "identity-login", "The identity service does not let this service in.").
		WithRemedy("The operator checks the login of the service.").Wrap(err)
}
