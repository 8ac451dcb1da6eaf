package supervise

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

func service(name, version string, after ...string) Service {
	return Service{Service: node.Service{Name: name, Command: []string{name}, After: after}, Executable: "/bin/" + name, Version: version}
}

func TestAServiceIsStartedAgainEverMoreSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cast := &actors{life: time.Millisecond, exit: Exit{Known: true, Code: 1}}
		s := newSupervisor(t, cast, t.TempDir())
		defer s.Stop()
		s.Set(Plan{Services: []Service{service("a", "1")}})
		time.Sleep(60 * time.Second)
		synctest.Wait()
		ms := time.Millisecond
		want := []time.Duration{101 * ms, 201 * ms, 401 * ms, 801 * ms, 1601 * ms, 3201 * ms, 6401 * ms, 10001 * ms, 10001 * ms, 10001 * ms, 10001 * ms}
		if got := cast.pauses(); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		state, _ := s.State()
		if got := state.Services[0]; got.State != backoff || got.Restarts != len(want)+1 {
			t.Errorf("state: %+v", got)
		}
	})
}

func TestALongLifeResetsTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cast := &actors{life: 10 * time.Second, exit: Exit{Known: true}}
		s := newSupervisor(t, cast, t.TempDir())
		defer s.Stop()
		s.Set(Plan{Services: []Service{service("a", "1")}})
		time.Sleep(31 * time.Second)
		want := []time.Duration{10100 * time.Millisecond, 10100 * time.Millisecond, 10100 * time.Millisecond}
		if got := cast.pauses(); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestAServiceThatCannotBeStartedIsFailedAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cast := &actors{refuse: true}
		s := newSupervisor(t, cast, t.TempDir())
		defer s.Stop()
		s.Set(Plan{Services: []Service{service("a", "1")}})
		state := awaitState(t, s, func(state State) bool { return state.Services[0].State == failed })
		if state.Services[0].Message != "no such file" || state.Started {
			t.Errorf("state: %+v", state)
		}
		cast.mu.Lock()
		cast.refuse = false
		cast.mu.Unlock()
		awaitState(t, s, func(state State) bool { return state.Services[0].State == ready && state.Started })
	})
}

func TestEverythingComesAfterWhatItNamesAndGoesBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cast := &actors{}
		s := newSupervisor(t, cast, t.TempDir())
		prepared := make(chan struct{})
		first := service("first", "1")
		first.Prepare = func(ctx context.Context) error {
			select {
			case <-prepared:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		s.Set(Plan{Services: []Service{service("second", "1", "first"), first}})
		synctest.Wait()
		state, _ := s.State()
		want := []jeroboam.ServiceState{{Name: "second", State: waiting, Message: "for first"}, {Name: "first", State: starting}}
		if !slices.Equal(state.Services, want) {
			t.Errorf("got %+v, want %+v", state.Services, want)
		}
		close(prepared)
		awaitState(t, s, func(state State) bool { return state.Started })

		// The first needs its time to end; the second must have gone before.
		cast.mu.Lock()
		one, two := cast.running[ID{PID: 1, Start: 1}], cast.running[ID{PID: 2, Start: 1}]
		one.deaf, two.deaf = true, true
		cast.mu.Unlock()
		start := time.Now()
		s.Stop()
		if took := time.Since(start); took != 2*defaultStop {
			t.Errorf("the stop took %v, want one after the other", took)
		}
		if want := []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}; !slices.Equal(one.signals, want) {
			t.Errorf("signals: %v, want %v", one.signals, want)
		}
	})
}

func TestAReplacedServiceRunsOnUntilTheNextIsPrepared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cast := &actors{}
		s := newSupervisor(t, cast, t.TempDir())
		defer s.Stop()
		s.Set(Plan{Services: []Service{service("a", "1")}})
		awaitState(t, s, func(state State) bool { return state.Started })
		old := cast.running[ID{PID: 1, Start: 1}]
		next := service("a", "2")
		next.Prepare = func(context.Context) error { time.Sleep(time.Minute); return nil }
		s.Set(Plan{Services: []Service{next}})
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if len(old.signals) != 0 {
			t.Error("the old one was stopped too early")
		}
		awaitState(t, s, func(state State) bool { return state.Started })
		if len(old.signals) != 1 || len(cast.starts) != 2 {
			t.Errorf("signals %v, starts %d", old.signals, len(cast.starts))
		}
	})
}

func TestAServiceThatIsRemovedAndComesBackIsNotDoubled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cast := &actors{}
		s := newSupervisor(t, cast, t.TempDir())
		defer s.Stop()
		plan := Plan{Services: []Service{service("a", "1")}}
		s.Set(plan)
		awaitState(t, s, func(state State) bool { return state.Started })
		old := cast.running[ID{PID: 1, Start: 1}]
		old.deaf = true
		s.Set(Plan{})
		synctest.Wait()
		s.Set(plan)
		awaitState(t, s, func(state State) bool { return state.Started })
		if pause := cast.pauses(); len(pause) != 1 || pause[0] != defaultStop {
			t.Errorf("the second was started %v after the first, which needed %v to end", pause, defaultStop)
		}
	})
}

func TestATaskIsRunToSuccessOncePerVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		cast := &actors{life: time.Second, exit: Exit{Known: true, Code: 1}}
		s := newSupervisor(t, cast, dir)
		task := Task{Name: "t", Version: "1", Commands: []TaskCommand{{Executable: "/bin/x", Args: []string{"x"}}}}
		s.Set(Plan{Tasks: []Task{task}})
		awaitState(t, s, func(state State) bool { return state.Tasks[0].Restarts == 3 })
		cast.mu.Lock()
		cast.exit = Exit{Known: true}
		cast.mu.Unlock()
		awaitState(t, s, func(state State) bool { return state.Tasks[0].State == ready })
		starts := len(cast.starts)
		s.Set(Plan{Tasks: []Task{task}})
		synctest.Wait()
		s.Stop()

		s = newSupervisor(t, cast, dir) // another agent
		defer s.Stop()
		s.Set(Plan{Tasks: []Task{task}})
		awaitState(t, s, func(state State) bool { return state.Tasks[0].State == ready })
		if len(cast.starts) != starts {
			t.Error("a task that was done was run again")
		}
		task.Version = "2"
		s.Set(Plan{Tasks: []Task{task}})
		awaitState(t, s, func(state State) bool { return state.Tasks[0].State == ready && len(cast.pauses()) == starts })
	})
}

func TestTheNextAgentTakesOnWhatRunsAndStopsWhatItNeedsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		cast := &actors{}
		s := newSupervisor(t, cast, dir)
		s.Set(Plan{Services: []Service{service("same", "1"), service("changed", "1"), service("removed", "1")}})
		awaitState(t, s, func(state State) bool { return state.Started })
		before := map[string]ID{}
		for _, name := range s.record.names() {
			p, _ := s.record.process(name)
			before[name] = p.ID
		}
		s.Detach()
		for _, p := range cast.running {
			if len(p.signals) != 0 {
				t.Fatal("a detached process was signalled")
			}
		}

		s = newSupervisor(t, cast, dir)
		defer s.Stop()
		s.Set(Plan{Services: []Service{service("same", "1"), service("changed", "2")}})
		awaitState(t, s, func(state State) bool { return state.Started })
		synctest.Wait()
		for name, signalled := range map[string]bool{"same": false, "changed": true, "removed": true} {
			if got := len(cast.running[before[name]].signals) > 0; got != signalled {
				t.Errorf("%s: signalled %v, want %v", name, got, signalled)
			}
		}
		if len(cast.starts) != 4 {
			t.Errorf("starts: %d, want 4", len(cast.starts))
		}
		if now, _ := s.record.process("same"); now.ID != before["same"] {
			t.Errorf("same: %+v, was %+v", now.ID, before["same"])
		}
	})
}

func TestAnExecutableThatCannotBeHadIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSupervisor(t, &actors{}, t.TempDir())
		defer s.Stop()
		bad := service("a", "1")
		bad.Prepare = func(context.Context) error { return errors.New("damaged") }
		s.Set(Plan{Services: []Service{bad}})
		awaitState(t, s, func(state State) bool {
			return state.Services[0].State == failed && state.Services[0].Message == "damaged"
		})
	})
}
