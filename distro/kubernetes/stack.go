package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/klog/v2"
)

// component is one long-running part of the control plane.
type component struct {
	name string
	// run works until ctx ends. Returning before that is a failure. It calls
	// ready once others may rely on it.
	run func(ctx context.Context, ready func()) error
	// grace is how long a stop may take before the next component is stopped.
	grace time.Duration
}

// stack holds running components, the oldest first.
type stack struct {
	running []running
	failed  chan error
}

type running struct {
	component
	cancel context.CancelFunc
	done   chan struct{}
}

func newStack() *stack { return &stack{failed: make(chan error, 1)} }

// start runs c until stop and returns when it is ready, when it or an older
// component fails, or when ctx ends.
func (s *stack) start(ctx context.Context, c component) error {
	begun := time.Now()
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := running{component: c, cancel: cancel, done: make(chan struct{})}
	ready := make(chan struct{})
	go func() {
		defer close(r.done)
		err := c.run(work, func() { close(ready) })
		if work.Err() == nil {
			s.fail(fmt.Errorf("%s ended: %w", c.name, err))
		}
	}()
	s.running = append(s.running, r)
	select {
	case <-ready:
		klog.InfoS("component is ready", "component", c.name, "seconds", time.Since(begun).Seconds())
		return nil
	case err := <-s.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fail keeps the first failure: the later ones follow from it.
func (s *stack) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// stop ends the components, the youngest first, each within its grace.
func (s *stack) stop() {
	for i := len(s.running) - 1; i >= 0; i-- {
		s.running[i].stop()
	}
}

func (r running) stop() {
	r.cancel()
	timer := time.NewTimer(r.grace)
	defer timer.Stop()
	select {
	case <-r.done:
		klog.InfoS("component stopped", "component", r.name)
	case <-timer.C:
		klog.InfoS("component did not stop in time", "component", r.name, "grace", r.grace)
	}
}
