package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/internal/hub"
)

// notice tells the other servers of a commit.
type notice struct {
	From    string           `json:"from"`
	Touched []hub.Key        `json:"touched,omitempty"`
	Wakes   map[string]int64 `json:"wakes,omitempty"`
	Look    bool             `json:"look,omitempty"` // too much to tell: look at everything
}

const (
	maxNotice = 7900             // bytes; PostgreSQL takes less than 8000
	heartbeat = 15 * time.Second // between two looks whether a silent connection lives
)

// announce makes the commit of t tell the other servers.
func (b *Backend) announce(ctx context.Context, t *writeTx) error {
	if len(t.touched) == 0 && len(t.wakes) == 0 {
		return nil
	}
	n := notice{From: b.names.from, Wakes: t.wakes}
	for key := range t.touched {
		n.Touched = append(n.Touched, key)
	}
	return b.notify(ctx, t.tx, n)
}

func (b *Backend) notify(ctx context.Context, tx pgx.Tx, n notice) error {
	payload, err := json.Marshal(n)
	if err == nil && len(payload) > maxNotice {
		payload, err = json.Marshal(notice{From: n.From, Look: true})
	}
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "SELECT pg_notify($1, $2)", b.names.channel, string(payload))
	return err
}

// listener hears what other servers commit, on a connection of its own.
type listener struct {
	backend *Backend
	conn    *pgx.Conn
	cancel  context.CancelFunc
	done    chan struct{}
}

func (b *Backend) listen(ctx context.Context) (*listener, error) {
	l := &listener{backend: b, done: make(chan struct{})}
	if err := l.connect(ctx); err != nil {
		return nil, err
	}
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go l.run(ctx)
	return l, nil
}

func (l *listener) close() {
	l.cancel()
	<-l.done
}

func (l *listener) connect(ctx context.Context) (err error) {
	if l.conn, err = l.backend.dial(ctx); err != nil {
		return err
	}
	_, err = l.conn.Exec(ctx, "LISTEN "+l.backend.names.channel)
	if err != nil {
		l.hangUp()
	}
	return err
}

func (l *listener) hangUp() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	l.conn.Close(ctx) //nolint:errcheck // it is of no use any more
}

// dial opens a connection outside the pool.
func (b *Backend) dial(ctx context.Context) (*pgx.Conn, error) {
	return pgx.ConnectConfig(ctx, b.pool.Config().ConnConfig)
}

// run hears until ctx ends. What was said while there was no connection is
// lost: everybody is told to look.
func (l *listener) run(ctx context.Context) {
	defer close(l.done)
	for {
		err := l.hear(ctx)
		l.hangUp()
		for failures := 1; ctx.Err() == nil; failures++ {
			l.backend.log.Warn("The database's notifications were cut off; connecting again.", "err", err)
			select {
			case <-time.After(store.RetryAfter(failures)):
			case <-ctx.Done():
			}
			if err = l.connect(ctx); err == nil {
				break
			}
		}
		if ctx.Err() != nil {
			if err == nil {
				l.hangUp()
			}
			return
		}
		l.backend.look()
	}
}

func (l *listener) hear(ctx context.Context) error {
	for {
		quiet, cancel := context.WithTimeout(ctx, heartbeat)
		n, err := l.conn.WaitForNotification(quiet)
		cancel()
		switch {
		case err == nil:
			l.backend.told(n.Payload)
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			if err := l.ping(ctx); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

func (l *listener) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return l.conn.Ping(ctx)
}

// told passes another server's notice on.
func (b *Backend) told(payload string) {
	var n notice
	err := json.Unmarshal([]byte(payload), &n)
	switch {
	case err != nil || n.Look && n.From != b.names.from:
		b.look()
	case n.From != b.names.from:
		touched := make(map[hub.Key]struct{}, len(n.Touched))
		for _, key := range n.Touched {
			touched[key] = struct{}{}
		}
		b.hub.Touch(touched)
		b.jobs.Committed(n.Wakes)
	}
}

func (b *Backend) look() {
	b.hub.All()
	b.jobs.Look()
}
