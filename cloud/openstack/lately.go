package openstack

import (
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// lately is what the clusters' machines were seen to share a moment ago. Whoever
// deletes a network has looked for what is on it just before, and needs not ask
// again: what came meanwhile, the look that ends every delete will find.
type lately struct {
	mu   sync.Mutex
	seen map[string]sighting // by cluster ID
}

type sighting struct {
	shared
	at time.Time
}

// latelyLasts is how long a moment is.
const latelyLasts = 5 * time.Second

func (l *lately) note(scope cloud.Scope, s shared) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen = map[string]sighting{}
	}
	for cluster, s := range l.seen {
		if time.Since(s.at) > latelyLasts {
			delete(l.seen, cluster)
		}
	}
	l.seen[scope.Cluster] = sighting{s, time.Now()}
}

// take returns what was seen, once.
func (l *lately) take(scope cloud.Scope) (shared, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.seen[scope.Cluster]
	delete(l.seen, scope.Cluster)
	return s.shared, ok && time.Since(s.at) < latelyLasts
}
