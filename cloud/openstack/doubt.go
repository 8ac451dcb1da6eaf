package openstack

import (
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
)

// doubtLasts is how long a cloud that failed a cluster is not taken at its word.
const doubtLasts = 5 * time.Minute

// doubts are the clusters that a call has failed for lately. Something may be
// there of which nobody was told, and who makes another because a list was short
// has two: so these are asked about twice.
type doubts struct {
	mu    sync.Mutex
	until map[string]time.Time // by cluster ID
}

// note remembers how a call for a cluster ended. What is on its way out, or what
// the cloud cannot do at all, leaves no doubt.
func (d *doubts) note(scope cloud.Scope, err error) {
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
	d.until[scope.Cluster] = now.Add(doubtLasts)
}

func (d *doubts) about(scope cloud.Scope) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Now().Before(d.until[scope.Cluster])
}

// believed asks about a cluster. In doubt it asks twice, and believes the answer
// that knows more.
func believed[T any](d *doubts, scope cloud.Scope, ask func() ([]T, error)) ([]T, error) {
	answer, err := ask()
	if err != nil || !d.about(scope) {
		return answer, err
	}
	again, err := ask()
	if len(again) > len(answer) {
		answer = again
	}
	return answer, err
}
