// Package keystone lets OpenStack's identity service say who is calling: it
// shows the tokens of requests to Keystone v3 with a token of this service's
// own, and remembers the answers for less than a minute.
//
// It refuses to guess: while Keystone does not answer, what it vouched for a
// moment ago is believed until that moment is over, and everything else is
// jeroboam.Unavailable.
package keystone

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"golang.org/x/sync/singleflight"

	"github.com/jeroboam-cloud/jeroboam"
)

// How long an answer is believed. A revocation is seen after Remembered.
const (
	Remembered = 30 * time.Second // that a token is good, and whose
	Refused    = 5 * time.Second  // that it is not
)

// patience is how long Keystone may take for one answer.
const patience = 10 * time.Second

// maxToken is more than any of Keystone's token formats needs: 255 bytes are
// its own default limit.
const maxToken = 4096 // bytes

// Options say where Keystone is and who asks it.
type Options struct {
	// Auth is the login of this service: a user or an application credential
	// with the role admin or service, and Keystone's address.
	Auth gophercloud.AuthOptions
	// Endpoint picks the identity endpoint of the catalogue by region and
	// interface; its zero value asks the address of Auth itself.
	Endpoint gophercloud.EndpointOpts
	TLS      *tls.Config // nil: the host's authorities
	Size     int         // tokens remembered; 0: 10,000
	Now      func() time.Time
}

// Authenticator implements identity.Authenticator. It is safe for concurrent
// use.
type Authenticator struct {
	now     func() time.Time
	login   *login
	flights singleflight.Group
	good    *memory[jeroboam.Caller]
	bad     *memory[struct{}]
}

// New returns an Authenticator that has not spoken to Keystone yet.
func New(o Options) *Authenticator {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Size == 0 {
		o.Size = 10_000
	}
	return &Authenticator{
		now: o.Now, login: newLogin(o),
		good: newMemory[jeroboam.Caller](o.Size),
		bad:  newMemory[struct{}](o.Size), // apart: made-up tokens push no good one out
	}
}

// Login gets the service's own token, so that a start can tell wrong
// credentials (jeroboam.Invalid) from a Keystone that is away (Unavailable).
func (a *Authenticator) Login(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := a.login.session(ctx, a.now())
	return err
}

// CloseIdle ends the connections that wait for another question.
func (a *Authenticator) CloseIdle() { a.login.transport.CloseIdleConnections() }

// Authenticate implements identity.Authenticator.
func (a *Authenticator) Authenticate(ctx context.Context, token string) (jeroboam.Caller, error) {
	if token == "" {
		return jeroboam.Caller{}, unauthenticated("The request carries no token.")
	}
	if !plausible(token) {
		return jeroboam.Caller{}, errStale
	}
	key, now := sha256.Sum256([]byte(token)), a.now()
	if caller, ok := a.good.get(key, now); ok {
		return caller, nil
	}
	if _, ok := a.bad.get(key, now); ok {
		return jeroboam.Caller{}, errStale
	}
	// Requests that come together ask once. The question is nobody's own: it
	// goes on when the first of them hangs up.
	caller, err, _ := a.flights.Do(string(key[:]), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		return a.ask(ctx, key, token)
	})
	return caller.(jeroboam.Caller), err
}

// ask shows the token to Keystone and remembers the answer from when it was asked.
func (a *Authenticator) ask(ctx context.Context, key digest, token string) (jeroboam.Caller, error) {
	asked := a.now()
	caller, err := a.validate(ctx, token)
	if errors.Is(err, errStale) {
		a.bad.put(key, struct{}{}, asked.Add(Refused))
	}
	if err != nil {
		return jeroboam.Caller{}, err
	}
	if !asked.Before(caller.ExpiresAt) {
		return jeroboam.Caller{}, errStale
	}
	until := asked.Add(Remembered)
	if caller.ExpiresAt.Before(until) {
		until = caller.ExpiresAt
	}
	a.good.put(key, caller, until)
	return caller, nil
}

// validate asks once more with a fresh token of our own if the one we had
// turned out to be refused: somebody revoked it, or Keystone's keys changed.
func (a *Authenticator) validate(ctx context.Context, token string) (jeroboam.Caller, error) {
	s, err := a.login.session(ctx, a.now())
	if err != nil {
		return jeroboam.Caller{}, misfortune(err)
	}
	caller, err := s.show(ctx, token)
	if !gophercloud.ResponseCodeIs(err, http.StatusUnauthorized) {
		return caller, judge(err)
	}
	if s, err = a.login.replace(ctx, s, a.now()); err != nil {
		return jeroboam.Caller{}, misfortune(err)
	}
	caller, err = s.show(ctx, token)
	return caller, judge(err)
}

// plausible reports whether a token can be sent in a header at all.
func plausible(token string) bool {
	if len(token) > maxToken {
		return false
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
