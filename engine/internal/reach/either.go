package reach

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

// way opens a connection; it lives on when ctx ends after that.
type way func(ctx context.Context) (net.Conn, error)

// either goes straight. Where that has no answer for as long as patience, or
// there is no way, it goes round about, too, and takes what comes first. A refusal
// is an answer, too. Its error is that of the straight way.
func either(ctx context.Context, straight, round way, patience time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first := try(ctx, straight)
	impatient := time.NewTimer(patience)
	defer impatient.Stop()
	var err error
	select {
	case got := <-first:
		if got.err == nil || !silent(got.err) {
			return got.conn, got.err
		}
		err, first = got.err, nil
	case <-impatient.C:
	}
	second := try(ctx, round)
	for first != nil || second != nil {
		select {
		case got := <-first:
			if got.err == nil {
				drop(second)
				return got.conn, nil
			}
			err, first = got.err, nil
		case got := <-second:
			if got.err == nil {
				drop(first)
				return got.conn, nil
			}
			second = nil
		}
	}
	return nil, err
}

type result struct {
	conn net.Conn
	err  error
}

func try(ctx context.Context, dial way) chan result {
	out := make(chan result, 1)
	go func() { // ends with ctx at the latest, and nobody need wait for it
		conn, err := dial(ctx)
		out <- result{conn, err}
	}()
	return out
}

// drop closes what comes too late.
func drop(late chan result) {
	if late == nil {
		return
	}
	go func() { // ends with its dial, whose context ends now
		if got := <-late; got.err == nil {
			_ = got.conn.Close()
		}
	}()
}

// silent tells an address that nobody answers for from one that refuses.
func silent(err error) bool {
	var network net.Error
	return errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH) ||
		errors.As(err, &network) && network.Timeout()
}
