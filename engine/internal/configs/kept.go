package configs

import (
	"sync"
	"time"
)

// kept are the configs of the clusters last looked at, so that an agent that
// asks costs a look into a map. A config is some KiB, and a cluster at rest
// needs none: there is room for only so many.
type kept struct {
	room     int
	mu       sync.Mutex
	clusters map[string]*Made
}

func (k *kept) get(cluster string) *Made {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.clusters[cluster]
}

// fresh returns what was checked since, or nil.
func (k *kept) fresh(cluster string, since time.Time) *Made {
	k.mu.Lock()
	defer k.mu.Unlock()
	if v := k.clusters[cluster]; v != nil && v.checked.After(since) {
		return v
	}
	return nil
}

func (k *kept) put(cluster string, v *Made, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keep(cluster, v, now)
}

// swap is put, unless others are kept by now than have.
func (k *kept) swap(cluster string, have, v *Made, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.clusters[cluster] != have {
		return false
	}
	k.keep(cluster, v, now)
	return true
}

// keep is put; k.mu is held.
func (k *kept) keep(cluster string, v *Made, now time.Time) {
	if k.clusters == nil {
		k.clusters = map[string]*Made{}
	}
	v.checked = now
	k.clusters[cluster] = v
	if len(k.clusters) > k.room {
		delete(k.clusters, k.oldest())
	}
}

func (k *kept) oldest() (cluster string) {
	for id, v := range k.clusters {
		if cluster == "" || v.checked.Before(k.clusters[cluster].checked) {
			cluster = id
		}
	}
	return cluster
}

func (k *kept) drop(cluster string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.clusters, cluster)
}
