package pace_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jeroboam-cloud/jeroboam/engine/pace"
)

// crew starts n pieces of work that end when told, and counts those under way.
func crew(ctx context.Context, p *pace.Pace, n int) (under *atomic.Int32, end chan struct{}) {
	under, end = new(atomic.Int32), make(chan struct{})
	for range n {
		go func() {
			done := p.Work(ctx)
			defer done()
			under.Add(1)
			defer under.Add(-1)
			<-end
		}()
	}
	return under, end
}

// serve asks for an answer that begins, and ends, when told.
func serve(p *pace.Pace) (begin, end chan struct{}) {
	begin, end = make(chan struct{}), make(chan struct{})
	server := p.Requests(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-begin
		w.WriteHeader(http.StatusOK)
		<-end
	}))
	go server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	synctest.Wait()
	return begin, end
}

func TestWorkStepsBackBehindARequestUntilItsAnswerBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pace.Pace{}
		begin, leave := serve(p)
		under, end := crew(t.Context(), p, 5)
		goesOn := func(when string, want int32) {
			t.Helper()
			synctest.Wait()
			if n := under.Load(); n != want {
				t.Errorf("%s: %d pieces of work go on, want %d", when, n, want)
			}
		}
		goesOn("beside a request", 1)
		end <- struct{}{}
		goesOn("after the first has ended", 1)
		close(begin)
		goesOn("a moment after the answer began", 1)
		time.Sleep(time.Second) // of virtual time
		goesOn("when no other request came, long before the stream ends", 4)
		close(end)
		goesOn("at the end", 0)
		close(leave)
	})
}

func TestNobodyStepsBackForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pace.Pace{}
		begin, leave := serve(p)
		under, end := crew(t.Context(), p, 3)
		time.Sleep(3 * time.Second) // of virtual time: the first of them hangs
		if n := under.Load(); n != 3 {
			t.Errorf("%d pieces of work go on after a while, want all 3", n)
		}
		close(end)
		close(begin)
		close(leave)
	})
}

func TestWorkThatIsGivenUpDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pace.Pace{}
		begin, leave := serve(p)
		ctx, cancel := context.WithCancel(t.Context())
		under, end := crew(ctx, p, 3)
		cancel()
		synctest.Wait()
		if n := under.Load(); n != 3 {
			t.Errorf("%d pieces of work go on, want 3", n)
		}
		close(end)
		close(begin)
		close(leave)
	})
}
