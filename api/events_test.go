package api_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

// stream reads the blocks of an event stream.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
}

func (p *player) stream(t *testing.T, caller, cluster, last string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	req, err := http.NewRequestWithContext(ctx, "GET", p.Server.URL+"/v1/clusters/"+cluster+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", p.tokens[caller])
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	response, err := p.Server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("status %d, type %s", response.StatusCode, got)
	}
	s := &stream{t: t, lines: bufio.NewScanner(response.Body), close: func() { cancel(); response.Body.Close() }}
	t.Cleanup(s.close)
	return s
}

// next is the next block that is an event, "" at the end of the stream.
func (s *stream) next() string {
	s.t.Helper()
	var block []string
	for s.lines.Scan() {
		line := s.lines.Text()
		switch {
		case line == "" && len(block) > 0:
			return strings.Join(block, "\n")
		case line != "" && !strings.HasPrefix(line, ":"):
			block = append(block, line)
		}
	}
	return ""
}

func TestAStreamTellsEventsAsTheyHappenAndEndsWithTheCluster(t *testing.T) {
	t.Parallel()
	p := playerWithCluster(t)
	s := p.stream(t, "owner", "c1", "")
	for _, want := range []string{`"state":"pending","message":"create c1: default-master 1, default-worker 1"`,
		`"state":"complete","message":"create c1: default-master 1, default-worker 1"`} {
		if got := s.next(); !strings.Contains(got, want) || !strings.Contains(got, "event: operation") {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	p.must(t, `POST /v1/clusters/c1/actions/resize {"node_count":2}`, "202")
	if got := s.next(); !strings.Contains(got, `"message":"resize default-worker 1 -`) {
		t.Fatal(got)
	}
	id := p.find(t, "c1").ID
	p.must(t, "DELETE /v1/clusters/c1", "204")
	if got := s.next(); !strings.Contains(got, `"message":"delete c1"`) {
		t.Fatal(got)
	}
	if err := p.Converge(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if got := s.next(); got != "event: gone\ndata: {}" {
		t.Fatal(got)
	}
	if got := s.next(); got != "" {
		t.Fatalf("after the end: %s", got)
	}
}

func TestAStreamIsTakenUpWhereItStopped(t *testing.T) {
	t.Parallel()
	p := playerWithCluster(t)
	first := p.stream(t, "owner", "c1", "").next()
	id, _, _ := strings.Cut(strings.TrimPrefix(first, "id: "), "\n")
	got := p.stream(t, "owner", "c1", id).next()
	if got == first || !strings.Contains(got, `"state":"complete"`) {
		t.Errorf("after %s: %s", id, got)
	}
}

func TestWhoFollowedAClusterLearnsOfItsEndLater(t *testing.T) {
	t.Parallel()
	p := playerWithCluster(t)
	id := p.find(t, "c1").ID
	p.must(t, "DELETE /v1/clusters/c1", "204")
	if err := p.Converge(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	s := p.stream(t, "owner", id, "")
	last := ""
	for block := s.next(); block != ""; block = s.next() {
		last = block
	}
	if last != "event: gone\ndata: {}" {
		t.Error(last)
	}
	if got := p.ask(t, "other", "GET /v1/clusters/"+id+"/events"); got != "404" {
		t.Errorf("another project: %s", got)
	}
}

func TestAStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	h := apikit.New(t, func(_ *service.Options, o *api.Options) { o.Auth, o.Now = briefly{}, time.Now })
	p := &player{House: h, tokens: map[string]string{"owner": "x"}}
	err := h.Store.Update(t.Context(), func(tx store.Tx) error {
		return store.Put(tx, &jeroboam.Cluster{ID: "00000000-0000-4000-8000-0000000000aa", Project: "p1", Name: "c1"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.stream(t, "owner", "c1", "").next(); got != "" {
		t.Error(got)
	}
}

// briefly vouches for everybody for a moment.
type briefly struct{}

func (briefly) Authenticate(context.Context, string) (jeroboam.Caller, error) {
	return jeroboam.Caller{UserID: "olga", ProjectID: "p1", Roles: []string{"member", "reader"},
		ExpiresAt: time.Now().Add(50 * time.Millisecond)}, nil
}

func TestAQuietStreamBeats(t *testing.T) {
	t.Parallel()
	h := apikit.New(t, func(_ *service.Options, o *api.Options) { o.Beat = time.Millisecond })
	p := &player{House: h, tokens: map[string]string{"owner": h.Token("olga", "p1", "member", "reader")}}
	err := h.Store.Update(t.Context(), func(tx store.Tx) error {
		return store.Put(tx, &jeroboam.Cluster{ID: "00000000-0000-4000-8000-0000000000aa", Project: "p1", Name: "c1"})
	})
	if err != nil {
		t.Fatal(err)
	}
	s := p.stream(t, "owner", "c1", "")
	for s.lines.Scan() {
		if s.lines.Text() == ": beat" {
			return
		}
	}
	t.Error("no beat")
}
