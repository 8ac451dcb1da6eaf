package openstack

import (
	"context"
	"time"

	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
)

// sight is what a look at all servers has seen, by their IDs.
type sight map[string]seen

type seen struct {
	cluster string
	runs    bool
}

// Watch looks at all servers every few seconds, in one call, and tells of
// clusters of which one no longer runs.
func (c *Cloud) Watch(ctx context.Context) <-chan string {
	const room = 1024
	out := make(chan string, room)
	go func() { // ends with ctx, whose owner waits for the channel to close
		defer close(out)
		ticker := time.NewTicker(c.options.Watch)
		defer ticker.Stop()
		var before sight
		for {
			if now, err := c.look(ctx); err == nil { // who does not answer has not lost his machines
				before.tell(ctx, now, out)
				before = now
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func (c *Cloud) look(ctx context.Context) (sight, error) {
	p, err := c.at(ctx, cloud.Scope{})
	if err != nil {
		return nil, err
	}
	all, err := p.listServers(ctx, c.everywhere())
	if err != nil {
		return nil, err
	}
	now := sight{}
	for _, s := range all {
		state := stateOf(s.Status)
		now[s.ID] = seen{cluster: s.Metadata[mark.KeyCluster], runs: state.Lives()}
	}
	return now, nil
}

// tell names each cluster once that has lost somebody since before: a server
// that ran is gone, or one that does not run was not seen so yet.
func (before sight) tell(ctx context.Context, now sight, out chan<- string) {
	lost := map[string]bool{}
	for id, s := range before {
		if _, there := now[id]; !there && s.runs {
			lost[s.cluster] = true
		}
	}
	for id, s := range now {
		if was, known := before[id]; !s.runs && (!known || was.runs) {
			lost[s.cluster] = true
		}
	}
	for cluster := range lost {
		select {
		case out <- cluster:
		case <-ctx.Done():
			return
		}
	}
}
