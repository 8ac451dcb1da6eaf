// Package doubt remembers of which clusters a cloud's lists are not taken at
// their word.
package doubt

import (
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
)

// lasts is how long a cloud that failed a cluster is not taken at its word.
const lasts = 5 * time.Minute

// Doubts are the clusters that a call has failed for lately. Something may be
// there of which nobody was told, and who makes another because a list was short
// has two: so these are asked about twice.
type Doubts struct {
	mu    sync.Mutex
	until map[string]time.Time // by cluster ID
}

// Note remembers how a call for a cluster ended. What is on its way out, or what
// the cloud cannot do at all, leaves no doubt.
func (d *Doubts) Note(scope cloud.Scope, err error) {
	if e, ours := jeroboam.AsError(err); err == nil || ours && (e.Reason == fault.ReasonDeleting || e.Kind == jeroboam.Unsupported) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if d.until == nil {
		d.until = map[string]time.Time{}
	}
	for cluster, until := range d.until {
		if now.After(until) {
			delete(d.until, cluster)
		}
	}
	d.until[scope.Cluster] = now.Add(lasts)
}

// About reports whether something of the cluster may be there that a list leaves
// out.
func (d *Doubts) About(scope cloud.Scope) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Now().Before(d.until[scope.Cluster])
}

// Believed asks about a cluster. In doubt it asks twice, and believes the answer
// that knows more.
func Believed[T any](d *Doubts, scope cloud.Scope, ask func() ([]T, error)) ([]T, error) {
	answer, err := ask()
	if err != nil || !d.About(scope) {
		return answer, err
	}
	again, err := ask()
	if len(again) > len(answer) {
		answer = again
	}
	return answer, err
}
