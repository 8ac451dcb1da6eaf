package engine

import (
	"context"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

// thingLife is how long a flavor or image is remembered.
const thingLife = time.Minute

// things remembers flavors and images, so that a thousand machines of one
// flavor cost one question.
type things struct {
	mu    sync.Mutex
	known map[string]thing
}

type thing struct {
	value any
	until time.Time
}

func (e *Engine) flavor(ctx context.Context, c jeroboam.Cluster, name string) (jeroboam.Flavor, error) {
	d, err := e.driver(c)
	if err != nil {
		return jeroboam.Flavor{}, err
	}
	return recall(e, "flavor/"+c.Spec.Driver+"/"+c.Project+"/"+name, func() (jeroboam.Flavor, error) {
		return d.Catalogue.FindFlavor(ctx, c.Project, name)
	})
}

func (e *Engine) image(ctx context.Context, c jeroboam.Cluster, name string) (jeroboam.Image, error) {
	d, err := e.driver(c)
	if err != nil {
		return jeroboam.Image{}, err
	}
	return recall(e, "image/"+c.Spec.Driver+"/"+c.Project+"/"+name, func() (jeroboam.Image, error) {
		return d.Catalogue.FindImage(ctx, c.Project, name)
	})
}

// recall answers from memory or asks find.
func recall[T any](e *Engine, key string, find func() (T, error)) (T, error) {
	t := &e.things
	t.mu.Lock()
	have, ok := t.known[key]
	t.mu.Unlock()
	if ok && e.Now().Before(have.until) {
		return have.value.(T), nil
	}
	v, err := find()
	if err != nil {
		return v, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		t.known = map[string]thing{}
	}
	t.known[key] = thing{value: v, until: e.Now().Add(thingLife)}
	return v, nil
}
