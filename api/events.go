package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

// events answers with server-sent events, from the one after Last-Event-ID (or
// the argument marker) on, until the cluster is gone; or with one page as JSON
// to a client that accepts nothing else.
func events(s *server, r *request) (reply, error) {
	after, err := eventNumber(r)
	if err != nil {
		return reply{}, err
	}
	p, err := wire.DecodeNumberedPage(r.query)
	if err != nil {
		return reply{}, err
	}
	found, err := s.Service.Events(r.Context(), r.caller, r.vars["cluster"], after, p.Limit)
	if err != nil {
		return reply{}, err
	}
	if accept := r.Header.Get("Accept"); strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/event-stream") {
		return s.eventPage(r, found)
	}
	return reply{stream: func(w http.ResponseWriter) error { return s.streamEvents(w, r, after) }}, nil
}

func eventNumber(r *request) (int64, error) {
	text := r.after
	if text == "" {
		text = r.query.Get("marker")
	}
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, jeroboam.Errorf(jeroboam.Invalid, "marker", "Last-Event-ID must be the number of an event.")
	}
	return n, nil
}

func (s *server) eventPage(r *request, found []jeroboam.Event) (reply, error) {
	list := wire.Events{Items: make([]wire.Event, 0, len(found))}
	for _, e := range found {
		list.Items = append(list.Items, wire.EventOf(e))
	}
	if n := len(found); n > 0 {
		list.Next = fmt.Sprintf("%s/v1/clusters/%s/events?marker=%d", r.site.URL, found[0].Cluster, found[n-1].Seq)
	}
	return ok(list)
}

// streamEvents writes events as they come. It ends with the cluster, with the
// client, with the service, or with the token: a client comes back with a new
// one.
func (s *server) streamEvents(w http.ResponseWriter, r *request, after int64) error {
	ctx := r.connection
	if until := r.caller.ExpiresAt; !until.IsZero() {
		var expire context.CancelFunc
		ctx, expire = context.WithTimeout(ctx, until.Sub(s.Now()))
		defer expire()
	}
	ctx, stop := context.WithCancel(ctx)
	var watched sync.WaitGroup
	defer watched.Wait()
	defer stop()
	watched.Go(func() {
		select {
		case <-s.Stopping:
			stop()
		case <-ctx.Done():
		}
	})
	r.exchange.Stream = true
	out := &eventWriter{w: w, control: http.NewResponseController(w), patience: s.Timeout + s.Beat}
	if err := out.start(); err != nil {
		return nil // the client went away
	}
	err := s.Service.Follow(ctx, r.caller, r.vars["cluster"], after, s.Beat, out.tell)
	switch {
	case err == nil:
		_ = out.gone()
		return nil
	case ctx.Err() != nil || out.broken:
		return nil
	}
	return err
}

// eventWriter writes the format of the HTML standard's section on server-sent
// events.
type eventWriter struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration // with a client that does not read
	broken   bool          // the client is gone
}

func (o *eventWriter) start() error {
	h := o.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	o.w.WriteHeader(http.StatusOK)
	return o.send(": jeroboam\n\n")
}

func (o *eventWriter) send(text string) error {
	// Not every writer has a deadline; the service's connections do.
	_ = o.control.SetWriteDeadline(time.Now().Add(o.patience))
	if _, err := fmt.Fprint(o.w, text); err != nil {
		o.broken = true
		return err
	}
	if err := o.control.Flush(); err != nil {
		o.broken = true
		return err
	}
	return nil
}

func (o *eventWriter) tell(events []jeroboam.Event) error {
	if len(events) == 0 {
		return o.send(": beat\n\n")
	}
	var text strings.Builder
	for _, e := range events {
		data, err := json.Marshal(wire.EventOf(e))
		if err != nil {
			return fmt.Errorf("encode event %d: %w", e.Seq, err)
		}
		fmt.Fprintf(&text, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Type, data)
	}
	return o.send(text.String())
}

// gone tells that there is nothing more to wait for.
func (o *eventWriter) gone() error {
	return o.send("event: " + wire.EventGone + "\ndata: {}\n\n")
}
