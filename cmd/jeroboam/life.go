package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxHeader is more than the headers of any client need: Keystone's longest
	// tokens have some thousand bytes.
	maxHeader = 32 << 10
	// answerLimit is how long reading a body, doing what it asks and writing the
	// answer may take together, as a last resort; streams have limits of their own.
	answerLimit = 2 * time.Minute
)

func (h *house) answer(server *http.Server, listener net.Listener) (err error) {
	if h.certificate != nil {
		server.TLSConfig = h.certificate.Config()
		err = server.ServeTLS(listener, "", "")
	} else {
		err = server.Serve(listener)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the API: %w", err)
	}
	return nil
}

// leave goes on answering for the delay, so that balancers, whom the health
// check tells, send nobody here any more; then it lets requests under way end,
// and cuts off what takes longer than its limit. A further signal ends either
// wait.
func (h *house) leave(ctx context.Context, server *http.Server) error {
	h.tell("STOPPING=1")
	public := h.config.Public
	h.log.InfoContext(ctx, "stopping", "delay", public.StopDelay, "limit", public.StopLimit)
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, unix.SIGTERM) // the first signal has come
	defer signal.Stop(again)
	select {
	case <-time.After(public.StopDelay):
	case <-again:
	}
	ctx, hurry := context.WithTimeout(ctx, public.StopLimit)
	defer hurry()
	ended := make(chan error, 1)
	go func() { ended <- server.Shutdown(ctx) }() // waited for below
	var err error
	select {
	case <-again:
		hurry()
		err = <-ended
	case err = <-ended:
	}
	if err != nil {
		h.log.Warn("requests were cut off", "reason", err)
		return server.Close()
	}
	return nil
}

// reload reads anew, at SIGHUP, what may have been replaced. Without anything
// of that sort the signal keeps its meaning, the end of the terminal.
func (h *house) reload(ctx context.Context) error {
	if h.certificate == nil && h.watching.audit == nil {
		return nil
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, unix.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangup:
		}
		if h.certificate != nil {
			h.certificate.Reload()
		}
		if h.watching.audit != nil {
			if err := h.watching.audit.Reopen(); err != nil {
				h.log.Error("audit log not opened again", "err", err)
			}
		}
	}
}

// tell tells systemd how far the service is, if that started it with
// Type=notify: see sd_notify(3).
func (h *house) tell(state string) {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return
	}
	conn, err := net.Dial("unixgram", socket)
	if err == nil {
		_, err = conn.Write([]byte(state))
		err = errors.Join(err, conn.Close())
	}
	if err != nil {
		h.log.Warn("systemd not told", "state", state, "err", err)
	}
}
