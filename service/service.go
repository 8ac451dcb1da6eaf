// Package service holds the verbs: may the caller do it, is it valid, is there
// quota, write it down. A verb only changes what is wanted; it writes the
// change and its Operation in one transaction and wakes the engine, which this
// package does not know. It speaks no HTTP and makes nothing on any cloud.
package service

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity"
	"github.com/jeroboam-cloud/jeroboam/quota"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/service/drivers"
	"github.com/jeroboam-cloud/jeroboam/service/federation"
	"github.com/jeroboam-cloud/jeroboam/service/quotas"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Options are what a Service is made of.
type Options struct {
	Store   store.Backend
	Drivers []drivers.Driver
	Policy  *identity.Policy // nil: identity.Defaults
	Signer  Signer
	// Versions tells which versions of a COE can be made, the default first.
	Versions func(coe string) []string
	// CheckUpgrade tells why a COE cannot go from one version to another in place.
	CheckUpgrade func(coe, from, to string) error
	Limits       Limits
	// StrictLabels refuses labels that have no effect; else they are kept and
	// reported.
	StrictLabels bool
	Host         string // of this process, as mservices shows it
	Now          func() time.Time
	NewID        func() string // nil: random UUIDs
}

// Limits bound what a project may ask for.
type Limits struct {
	Quotas quota.Limits // of a project without quotas of its own; without Cluster in it: 20
	Nodes  int          // of one cluster, all groups together
}

// Signer signs with the authorities of clusters.
type Signer interface {
	// SignClient returns the PEM certificate for a user's PEM CSR, whose subject
	// is kept; jeroboam.Invalid for a CSR that may not be signed.
	SignClient(ctx context.Context, authority jeroboam.Authority, csr []byte) (string, error)
}

// Service is the verbs. It is safe for concurrent use.
type Service struct {
	Options
	Federations federation.Verbs
	Quotas      quotas.Verbs

	gate     access.Gate
	started  time.Time
	drivers  *drivers.Table
	clusters store.Memo[jeroboam.Cluster]   // as they are listed
	groups   store.Memo[jeroboam.NodeGroup] // as they are shown with their clusters
}

// New returns the verbs over the options.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = newUUID
	}
	if o.Policy == nil {
		o.Policy = identity.Defaults()
	}
	if _, given := o.Limits.Quotas[jeroboam.QuotaCluster]; !given {
		o.Limits.Quotas = maps.Clone(o.Limits.Quotas)
		if o.Limits.Quotas == nil {
			o.Limits.Quotas = quota.Limits{}
		}
		o.Limits.Quotas[jeroboam.QuotaCluster] = 20
	}
	if o.Limits.Nodes == 0 {
		o.Limits.Nodes = 1000
	}
	s := &Service{Options: o, gate: access.Gate{Policy: o.Policy}, started: o.Now(), drivers: newTable(o)}
	return s.on(o.Store)
}

// on is the same verbs with what another store holds.
func (s *Service) on(db store.Backend) *Service {
	t := &Service{Options: s.Options, gate: s.gate, started: s.started, drivers: s.drivers}
	t.Store = db
	t.Federations = federation.Verbs{Store: db, Gate: t.gate, Now: t.now, NewID: t.NewID}
	t.Quotas = quotas.Verbs{Store: db, Gate: t.gate, Defaults: t.Limits.Quotas, Now: t.now}
	return t
}

// newUUID returns a random UUID of version 4 (RFC 9562).
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails since Go 1.24
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// now is the time as it is stored: UTC, whole microseconds.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }
