package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// obedient is ready at once, stops when asked and notes that it did.
func obedient(name string, stopped *[]string) component {
	return component{name: name, grace: time.Second, run: func(ctx context.Context, ready func()) error {
		ready()
		<-ctx.Done()
		*stopped = append(*stopped, name)
		return ctx.Err()
	}}
}

func TestTheYoungestStopsFirst(t *testing.T) {
	var stopped []string
	s := newStack()
	for _, name := range []string{"etcd", "apiserver", "scheduler"} {
		if err := s.start(t.Context(), obedient(name, &stopped)); err != nil {
			t.Fatal(err)
		}
	}
	s.stop()
	if want := []string{"scheduler", "apiserver", "etcd"}; !slices.Equal(stopped, want) {
		t.Errorf("stopped %v, want %v", stopped, want)
	}
}

func TestAComponentThatHangsIsLeftAfterItsGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := newStack()
		hanging := component{name: "hanging", grace: 2 * time.Second, run: func(_ context.Context, ready func()) error {
			ready()
			<-release
			return nil
		}}
		if err := s.start(t.Context(), hanging); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		s.stop()
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("the stop took %v, want the grace of 2s", took)
		}
		close(release)
	})
}

func TestStartReportsAnOlderComponentsEnd(t *testing.T) {
	s := newStack()
	failed := errors.New("no room on the disk")
	broken := component{name: "etcd", run: func(context.Context, func()) error { return failed }}
	never := component{name: "apiserver", run: func(ctx context.Context, _ func()) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	err := s.start(t.Context(), broken)
	if err == nil {
		err = s.start(t.Context(), never)
	}
	s.stop()
	if !errors.Is(err, failed) || !strings.HasPrefix(err.Error(), "etcd ended: ") {
		t.Errorf("got %v, want etcd's end", err)
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stopped []string
	s := newStack()
	slow := obedient("slow", &stopped)
	slow.run = func(ctx context.Context, _ func()) error { <-ctx.Done(); return ctx.Err() }
	slow.grace = time.Minute
	if err := s.start(ctx, slow); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	s.stop()
}

func TestParseRefusesWhatIsNoFlag(t *testing.T) {
	for name, args := range map[string][]string{
		"an unknown flag": {"--no-such-flag=1"},
		"an argument":     {"--v=1", "argument"},
	} {
		if _, err := controllerManager(args); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
