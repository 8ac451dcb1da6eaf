package pace

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// script answers each request with the next of its replies, the last one for
// ever, and notes when it was asked.
type script struct {
	replies []reply
	began   time.Time

	mu     sync.Mutex
	at     []time.Duration
	bodies []string
	busy   int
	most   int
}

type reply struct {
	status int
	after  string // Retry-After
	err    error
	broken bool // the body ends too early
	takes  time.Duration
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := s.note(r)
	time.Sleep(answer.takes) // virtual
	s.mu.Lock()
	s.busy--
	s.mu.Unlock()
	if answer.err != nil {
		return nil, answer.err
	}
	header := http.Header{}
	if answer.after != "" {
		header.Set("Retry-After", answer.after)
	}
	var body io.Reader = strings.NewReader("{}")
	if answer.broken {
		body = io.MultiReader(strings.NewReader("{"), failing{})
	}
	return &http.Response{StatusCode: answer.status, Header: header, Body: io.NopCloser(body), Request: r}, nil
}

func (s *script) note(r *http.Request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = append(s.at, time.Since(s.began))
	if r.Body != nil {
		text, _ := io.ReadAll(r.Body)
		s.bodies = append(s.bodies, string(text))
	}
	s.busy++
	s.most = max(s.most, s.busy)
	return s.replies[min(len(s.at), len(s.replies))-1]
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func send(t *Transport, method string) (int, error) {
	r, err := http.NewRequestWithContext(context.Background(), method, "http://cloud.example/", strings.NewReader(`{"a":1}`))
	if err != nil {
		return 0, err
	}
	response, err := t.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

func TestWhatIsRepeatedAtOnce(t *testing.T) {
	lost := errors.New("connection reset")
	for name, test := range map[string]struct {
		method  string
		replies []reply
		status  int // 0: an error
		sent    int
		least   time.Duration
	}{
		"a read that failed":                           {"GET", []reply{{status: 500}, {status: 502}, {status: 200}}, 200, 3, 300 * time.Millisecond},
		"a read of which no answer came":               {"GET", []reply{{err: lost}, {status: 200}}, 200, 2, 100 * time.Millisecond},
		"a truncated answer":                           {"GET", []reply{{status: 200, broken: true}, {status: 200}}, 200, 2, 100 * time.Millisecond},
		"a read that fails for ever":                   {"GET", []reply{{status: 503}}, 503, 4, 700 * time.Millisecond},
		"nothing that may have been made":              {"POST", []reply{{err: lost}}, 0, 1, 0},
		"nothing that failed half-way":                 {"POST", []reply{{status: 500}}, 500, 1, 0},
		"what the cloud had no time for":               {"POST", []reply{{status: 429, after: "3"}, {status: 202}}, 202, 2, 3 * time.Second},
		"what a proxy refused to look at":              {"POST", []reply{{status: 503, after: "2"}, {status: 202}}, 202, 2, 2 * time.Second},
		"not after a pause that only the engine makes": {"GET", []reply{{status: 429, after: "300"}}, 429, 1, 0},
		"nothing that is simply wrong":                 {"GET", []reply{{status: 404}}, 404, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{replies: test.replies, began: time.Now()}
				status, err := send(New(Limits{}, s), test.method)
				if status != test.status || (err == nil) != (test.status != 0) || len(s.at) != test.sent {
					t.Errorf("got %d (%v) after %d requests, want %d after %d", status, err, len(s.at), test.status, test.sent)
				}
				if took := time.Since(s.began); took < test.least/2 {
					t.Errorf("it took %v, want about %v", took, test.least)
				}
				for _, body := range s.bodies {
					if body != `{"a":1}` {
						t.Errorf("sent the body %q", body)
					}
				}
			})
		})
	}
}

func TestQuietIsForEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{{status: 429, after: "5"}, {status: 200}}, began: time.Now()}
		c := New(Limits{}, s)
		var all sync.WaitGroup
		all.Go(func() { send(c, "GET") })
		synctest.Wait()
		all.Go(func() { send(c, "GET") })
		all.Wait()
		for _, at := range s.at[1:] {
			if at < 5*time.Second {
				t.Errorf("asked again after %v", at)
			}
		}
	})
}

func TestSoManyAtOnceAndSoManyASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{{status: 200, takes: 10 * time.Millisecond}}, began: time.Now()}
		c := New(Limits{AtOnce: 4, PerSecond: 50, Burst: 50}, s)
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				if status, err := send(c, "GET"); status != 200 {
					t.Error(status, err)
				}
			})
		}
		all.Wait()
		if took := time.Since(s.began); s.most != 4 || took < 3*time.Second || took > 4*time.Second || c.Calls() != 200 {
			t.Errorf("%d at once, %d calls in %v", s.most, c.Calls(), took)
		}
	})
}

func TestWhoGivesUpWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{{status: 200, takes: time.Minute}}, began: time.Now()}
		c := New(Limits{AtOnce: 1}, s)
		var first sync.WaitGroup
		first.Go(func() { send(c, "GET") })
		defer first.Wait()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "GET", "http://cloud.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.RoundTrip(r); !errors.Is(err, context.DeadlineExceeded) || len(s.at) != 1 {
			t.Errorf("got %v after %d requests", err, len(s.at))
		}
	})
}
