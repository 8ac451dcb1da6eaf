package proxy

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"
)

// checkInterval is how often backends are tried and the config is looked at.
const checkInterval = time.Second

// Run balances until ctx ends. path is the config's file; every value received
// from reload has it read again at once. ready is called when connections are
// accepted.
func Run(ctx context.Context, path string, reload <-chan struct{}, log *slog.Logger, ready func()) error {
	config, err := load(path)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", config.Listen)
	if err != nil {
		return fmt.Errorf("balancer: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &pool{}
	p.set(config.Backends)
	var wait sync.WaitGroup
	ready()
	wait.Go(func() { serve(ctx, listener, p, log) })
	watch(ctx, path, config, reload, p, log)
	cancel()
	listener.Close()
	p.set(nil)
	wait.Wait()
	return nil
}

// watch keeps the pool as the config says, which was last at first, and its
// health known.
func watch(ctx context.Context, path string, last Config, reload <-chan struct{}, p *pool, log *slog.Logger) {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	for {
		config, err := load(path)
		switch {
		case err != nil:
			log.Warn("the balancer's config cannot be read", "reason", err.Error())
		case !slices.Equal(config.Backends, last.Backends):
			log.Info("backends", "backends", config.Backends)
			p.set(config.Backends)
			last = config
		}
		p.check(ctx)
		select {
		case <-ctx.Done():
			return
		case <-reload:
		case <-ticker.C:
		}
	}
}

func serve(ctx context.Context, listener net.Listener, p *pool, log *slog.Logger) {
	var wait sync.WaitGroup
	defer wait.Wait()
	for {
		client, err := listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				client.Close()
			}
			return
		}
		if err != nil {
			log.Warn("accept", "reason", err.Error())
			select { // out of files: others must end first
			case <-ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		wait.Go(func() { forward(ctx, client, p) })
	}
}

// forward carries one connection until either end closes it.
func forward(ctx context.Context, client net.Conn, p *pool) {
	defer client.Close()
	server, release, err := p.dial(ctx)
	if err != nil {
		return
	}
	defer release()
	defer server.Close()
	stop := context.AfterFunc(ctx, func() { client.Close() })
	defer stop()
	var wait sync.WaitGroup
	wait.Go(func() { copyHalf(server, client) })
	copyHalf(client, server)
	wait.Wait()
}

// copyHalf carries one direction and passes its end on: a client that has sent
// all still wants the answer. An error ends both directions.
func copyHalf(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		from.Close()
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
