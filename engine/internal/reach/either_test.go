package reach

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// path is a way that takes a time and ends in an error, or in a connection of
// its own name.
type path struct {
	takes time.Duration
	err   error
	asked atomic.Int32
	conn  named
}

type named struct {
	net.Conn
	name   string
	closed *bool
}

func (n named) Close() error {
	*n.closed = true
	return nil
}

func (w *path) dial(ctx context.Context) (net.Conn, error) {
	w.asked.Add(1)
	timer := time.NewTimer(w.takes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if w.err != nil {
		return nil, w.err
	}
	return w.conn, nil
}

const never = time.Hour

func TestEither(t *testing.T) {
	refused, unreachable, away := error(syscall.ECONNREFUSED), error(syscall.EHOSTUNREACH), errors.New("away")
	for _, c := range []struct {
		name            string
		straight, round *path
		want            string // name of the connection
		err             error
		took            time.Duration
		asked           int32 // round about
	}{
		{"an address that answers is all there is to it", &path{takes: time.Millisecond}, &path{}, "straight", nil, time.Millisecond, 0},
		{"a refusal is an answer", &path{err: refused}, &path{}, "", refused, 0, 0},
		{"without a route it goes round at once", &path{err: unreachable}, &path{takes: time.Millisecond}, "round", nil, time.Millisecond, 1},
		{"a silent address is waited for, and no longer", &path{takes: never}, &path{takes: time.Millisecond}, "round", nil, patience + time.Millisecond, 1},
		{"a slow address may still be first", &path{takes: patience + time.Second}, &path{takes: never}, "straight", nil, patience + time.Second, 1},
		{"a slow address is all there is when agents are away", &path{takes: patience + time.Second}, &path{err: away}, "straight", nil, patience + time.Second, 1},
		{"when neither leads there, the address tells why", &path{err: unreachable}, &path{err: away}, "", unreachable, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var lost, also bool
				c.straight.conn, c.round.conn = named{name: "straight", closed: &lost}, named{name: "round", closed: &also}
				began := time.Now()
				conn, err := either(t.Context(), c.straight.dial, c.round.dial, patience)
				got := ""
				if conn != nil {
					got = conn.(named).name
				}
				if got != c.want || !errors.Is(err, c.err) || time.Since(began) != c.took || c.round.asked.Load() != c.asked {
					t.Errorf("%q, %v after %v, round about %d times; want %q, %v after %v, %d times", got, err, time.Since(began), c.round.asked.Load(), c.want, c.err, c.took, c.asked)
				}
			})
		})
	}
}

func TestWhatComesTooLateIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var straight, round bool
		deaf := func(context.Context) (net.Conn, error) { // does not hear that it is too late
			<-time.After(2 * patience)
			return named{name: "straight", closed: &straight}, nil
		}
		conn, err := either(t.Context(), deaf, func(context.Context) (net.Conn, error) { return named{name: "round", closed: &round}, nil }, patience)
		if err != nil || conn.(named).name != "round" {
			t.Fatalf("got %v, %v", conn, err)
		}
		<-time.After(2 * patience)
		synctest.Wait()
		if !straight || round {
			t.Errorf("the late one is closed: %v, the first: %v", straight, round)
		}
	})
}
