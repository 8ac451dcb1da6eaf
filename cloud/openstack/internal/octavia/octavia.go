// Package octavia makes one address in front of several with Octavia: a load
// balancer, a listener, a pool with a health monitor, and its members. It keeps
// no records: who calls it finds the load balancers by their mark, and it finds
// the rest beneath them.
package octavia

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/loadbalancers"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/pace"
)

// LoadBalancer is one as Octavia shows it.
type LoadBalancer = loadbalancers.LoadBalancer

// Wish is what a load balancer shall be. Of one that is there only the members
// are changed, and who may call it.
type Wish struct {
	Name      string
	Mark      string // its description
	Subnet    string // ID, of its address and of the members
	Address   string // that it had before; "": any
	Port      int    // of its address and of the members
	Members   []string
	Allowed   []string // CIDRs that may call; none: all
	Provider  string   // "": the cloud's default
	Algorithm string   // by which a member is chosen
	Monitored bool     // members that do not answer get no calls
}

// Octavia is the service as a project sees it.
type Octavia struct {
	Client *gophercloud.ServiceClient
	Habits *Habits
}

// Habits remember of which providers a load balancer is had part by part only.
// The zero value is ready.
type Habits struct {
	mu        sync.Mutex
	piecemeal map[string]bool // by Wish.Provider
}

func (h *Habits) takesWhole(provider string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.piecemeal[provider]
}

func (h *Habits) note(provider string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.piecemeal == nil {
		h.piecemeal = map[string]bool{}
	}
	h.piecemeal[provider] = true
}

// States of load balancers and their parts. One in another cannot be changed: it
// is on its way.
const (
	active = "ACTIVE"
	failed = "ERROR"
	leaves = "PENDING_DELETE"
)

const (
	patience = 20 * time.Second // a call waits for what it has asked for
	between  = time.Second      // two looks
)

// Ensure makes the load balancer, or what it lacks, or finds it; have are those
// that there are of its name. It returns when Octavia has made all of it, or
// Unavailable when that takes longer. One that failed is deleted, and told of.
func (o Octavia) Ensure(ctx context.Context, want Wish, have []LoadBalancer) (LoadBalancer, error) {
	kept, extra := mark.First(have, func(b LoadBalancer) string { return b.ID })
	for _, b := range extra { // made because an answer was lost
		if err := o.Delete(ctx, b); err != nil {
			return LoadBalancer{}, err
		}
	}
	if kept.ID == "" {
		made, err := o.make(ctx, want)
		if err != nil {
			return LoadBalancer{}, err
		}
		kept = *made
	}
	for until := time.Now().Add(patience); ; {
		settled, err := o.settle(ctx, kept, until)
		if err != nil {
			return LoadBalancer{}, err
		}
		changes, err := o.complete(ctx, want, settled)
		if err != nil || !changes {
			return settled, err
		}
		kept.ProvisioningStatus = "PENDING_UPDATE"
	}
}

// make has it made with all its parts in one call, of a provider that does so.
func (o Octavia) make(ctx context.Context, want Wish) (*LoadBalancer, error) {
	doing := "make the load balancer " + want.Name
	if o.Habits.takesWhole(want.Provider) {
		made, err := loadbalancers.Create(ctx, o.Client, want.whole()).Extract()
		if !declined(err) {
			return made, fault.Refuse("Octavia", doing, err)
		}
	}
	made, err := loadbalancers.Create(ctx, o.Client, want.bare()).Extract()
	if err != nil {
		return nil, fault.Refuse("Octavia", doing, err)
	}
	o.Habits.note(want.Provider)
	return made, nil
}

// declined reports whether a provider does not do what it was asked to.
func declined(err error) bool {
	return gophercloud.ResponseCodeIs(err, http.StatusNotImplemented) || gophercloud.ResponseCodeIs(err, http.StatusBadRequest)
}

// settle waits until no change of the load balancer is under way.
func (o Octavia) settle(ctx context.Context, b LoadBalancer, until time.Time) (LoadBalancer, error) {
	for {
		switch b.ProvisioningStatus {
		case active:
			return b, nil
		case failed:
			return b, o.discard(ctx, b, "The load balancer %s (%s) is in the state ERROR.", b.Name, b.ID)
		}
		if time.Now().After(until) || pace.Pause(ctx, between) != nil {
			return b, underWay(b)
		}
		fresh, err := loadbalancers.Get(ctx, o.Client, b.ID).Extract()
		switch {
		case fault.Absent(err):
			return b, fault.Deleting("load balancer " + b.Name) // it is gone by now
		case err != nil:
			return b, fault.Refuse("Octavia", "show the load balancer "+b.Name, err)
		}
		b = *fresh
	}
}

func underWay(b LoadBalancer) error {
	if b.ProvisioningStatus == leaves {
		return fault.Deleting("load balancer " + b.Name)
	}
	return jeroboam.Errorf(jeroboam.Unavailable, "balancer", "Octavia is at work on the load balancer %s (%s, %s).", b.Name, b.ID, b.ProvisioningStatus).
		WithRemedy("It is asked again by itself. If this lasts, the operator of the cloud looks into the log of Octavia's provider.")
}

// discard deletes a load balancer that cannot be mended, and tells why. Octavia
// lets nobody but an operator change one that failed.
func (o Octavia) discard(ctx context.Context, b LoadBalancer, why string, args ...any) error {
	if err := o.Delete(ctx, b); err != nil {
		return err
	}
	return jeroboam.Errorf(jeroboam.Unavailable, "balancer-error", why, args...).
		WithRemedy("It is made anew by itself, with its address; the operator of the cloud finds the cause in Octavia's log.")
}

// Delete has the load balancer deleted with all its parts; absent is success.
// Octavia does not delete one that it is at work on.
func (o Octavia) Delete(ctx context.Context, b LoadBalancer) error {
	if b.ProvisioningStatus == leaves {
		return nil
	}
	err := loadbalancers.Delete(ctx, o.Client, b.ID, loadbalancers.DeleteOpts{Cascade: true}).ExtractErr()
	if err == nil || fault.Absent(err) {
		return nil
	}
	return fault.Refuse("Octavia", "delete the load balancer "+b.Name, err)
}
