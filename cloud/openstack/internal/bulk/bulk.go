// Package bulk has Neutron make ports in one call that are wanted at the same
// time: that takes it half of the time or less.
//
// Each port bears its own cluster's mark in that call. A call that is refused
// has made nothing, by Neutron's word for its bulk operations: each port then
// goes alone, and who wants it hears what is said of that. Of a call that was
// not answered nobody knows what it made, and everybody is told so.
package bulk

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/together"
)

// Ports are made in one project. The zero value is ready.
type Ports struct {
	batches together.Batches[ports.CreateOpts, ports.Port]
}

type answer = together.Answer[ports.Port]

// Make makes a port. The error is gophercloud's.
func (p *Ports) Make(ctx context.Context, neutron *gophercloud.ServiceClient, want ports.CreateOpts) (ports.Port, error) {
	return p.batches.Do(ctx, want, func(ctx context.Context, wants []ports.CreateOpts) []answer { return makeAll(ctx, neutron, wants) })
}

func makeAll(ctx context.Context, neutron *gophercloud.ServiceClient, wants []ports.CreateOpts) []answer {
	answers := make([]answer, len(wants))
	if len(wants) == 1 {
		answers[0] = makeOne(ctx, neutron, wants[0])
		return answers
	}
	made, err := makeMany(ctx, neutron, wants)
	for i, want := range wants {
		switch {
		case err == nil:
			answers[i] = find(made, want)
		case refused(err):
			answers[i] = makeOne(ctx, neutron, want)
		default:
			answers[i].Err = err
		}
	}
	return answers
}

// refused reports whether one of the ports may be the reason why none was made.
func refused(err error) bool {
	var said gophercloud.ErrUnexpectedResponseCode
	if !errors.As(err, &said) || said.Actual/100 != 4 {
		return false
	}
	return !slices.Contains([]int{http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooManyRequests}, said.Actual)
}

func makeOne(ctx context.Context, neutron *gophercloud.ServiceClient, want ports.CreateOpts) (a answer) {
	made, err := ports.Create(ctx, neutron, want).Extract()
	if a.Err = err; err == nil {
		a.Value = *made
	}
	return a
}

func makeMany(ctx context.Context, neutron *gophercloud.ServiceClient, wants []ports.CreateOpts) ([]ports.Port, error) {
	bodies := make([]any, len(wants))
	for i, want := range wants {
		body, err := want.ToPortCreateMap()
		if err != nil {
			return nil, err
		}
		bodies[i] = body["port"]
	}
	var said struct{ Ports []ports.Port }
	_, err := neutron.Post(ctx, neutron.ServiceURL("ports"), map[string]any{"ports": bodies}, &said, nil)
	return said.Ports, err
}

// find tells ports from one another by their names and their marks. One that the
// answer does not name may have been made or not.
func find(made []ports.Port, want ports.CreateOpts) (a answer) {
	at := slices.IndexFunc(made, func(p ports.Port) bool { return p.Name == want.Name && p.Description == want.Description })
	if at < 0 {
		a.Err = errors.New("the answer does not name the port")
		return a
	}
	a.Value = made[at]
	return a
}
