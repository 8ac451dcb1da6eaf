package jobs

import (
	"context"
	"log/slog"

	"github.com/riverqueue/river/riverdriver"
)

// bell is how a commit tells River, in this process, to look at the queue.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// ringing gives a driver without LISTEN a listener: the bell. River offers no
// other way to tell it of an insert that was part of a transaction.
type ringing[TTx any] struct {
	riverdriver.Driver[TTx]
	bell bell
}

func (ringing[TTx]) SupportsListener() bool { return true }

func (r ringing[TTx]) GetListener(*riverdriver.GetListenenerParams) riverdriver.Listener {
	return listener{r.bell}
}

// listener is a riverdriver.Listener that hears the bell alone.
type listener struct{ bell bell }

func (listener) Close(context.Context) error            { return nil }
func (listener) Connect(context.Context) error          { return nil }
func (listener) Listen(context.Context, string) error   { return nil }
func (listener) Ping(context.Context) error             { return nil }
func (listener) Schema() string                         { return "" }
func (listener) SetAfterConnectExec(string)             {}
func (listener) Unlisten(context.Context, string) error { return nil }

func (l listener) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	select {
	case <-l.bell:
		return &riverdriver.Notification{Topic: "river_insert", Payload: `{"queue":"` + Queue + `"}`}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Quiet sends what River logs to the debug level: what it calls a warning or
// information matters to those who look into River itself. Errors stay.
func Quiet(log *slog.Logger) *slog.Logger { return slog.New(quietHandler{log.Handler()}) }

type quietHandler struct{ slog.Handler }

func (h quietHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.Handler.Enabled(ctx, lower(level))
}

func (h quietHandler) Handle(ctx context.Context, r slog.Record) error {
	r.Level = lower(r.Level)
	return h.Handler.Handle(ctx, r)
}

func (h quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quietHandler{h.Handler.WithAttrs(attrs)}
}

func (h quietHandler) WithGroup(name string) slog.Handler {
	return quietHandler{h.Handler.WithGroup(name)}
}

func lower(level slog.Level) slog.Level {
	if level >= slog.LevelError {
		return level
	}
	return min(level, slog.LevelDebug)
}
