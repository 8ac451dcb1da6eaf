package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

// pause is between two tries to take up a broken stream again, and patience is
// how long they go on without one event.
const (
	pause    = time.Second
	patience = time.Minute
)

// Events gives each event of a cluster after the one of that number to tell,
// as it happens. A stream that breaks is taken up again where it stopped. It
// ends with tell's error, with ctx, or with nil after an event of type
// wire.EventGone: the cluster is no more.
func (c *Client) Events(ctx context.Context, cluster string, after int64, tell func(wire.Event) error) error {
	alive := time.Now()
	for {
		stream, err := c.open(ctx, cluster, after)
		if err == nil {
			var over bool
			alive = time.Now()
			if after, over, err = read(stream, after, tell); over || err != nil {
				return err
			}
		} else if jeroboam.KindOf(err) != jeroboam.Unavailable || time.Since(alive) > patience {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (c *Client) open(ctx context.Context, cluster string, after int64) (io.ReadCloser, error) {
	service, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	response, err := service.Request(ctx, "GET", service.Endpoint+at("clusters", cluster, "events"), &gophercloud.RequestOpts{
		MoreHeaders: map[string]string{"Accept": "text/event-stream", "Last-Event-ID": strconv.FormatInt(after, 10)},
		OkCodes:     []int{200}, KeepResponseBody: true,
	})
	if err != nil {
		return nil, classify(err, "The service at "+service.Endpoint+" did not answer.")
	}
	return response.Body, nil
}

// read tells the events of one stream. It returns the number of the last one,
// and whether there is nothing more to come: otherwise the stream just broke.
func read(stream io.ReadCloser, after int64, tell func(wire.Event) error) (int64, bool, error) {
	defer stream.Close()
	lines := bufio.NewReader(stream)
	kind, data := "", ""
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return after, false, err
		}
		if err != nil {
			return after, false, nil
		}
		field, text, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		switch text = strings.TrimPrefix(text, " "); {
		case field == "event":
			kind = text
		case field == "data":
			data += text
		case field == "" && text == "" && data != "":
			e, err := decode(kind, data)
			if err != nil {
				return after, false, err
			}
			if err := tell(e); err != nil || e.Type == wire.EventGone {
				return after, true, err
			}
			after, kind, data = max(after, e.ID), "", ""
		}
	}
}

func decode(kind, data string) (wire.Event, error) {
	var e wire.Event
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return e, fmt.Errorf("decode an event: %w", err)
	}
	e.Type = kind
	return e, nil
}
