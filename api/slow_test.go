package api_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/service"
)

// pipe is a listener of one connection that buffers nothing.
type pipe struct {
	conns chan net.Conn
	done  chan struct{}
}

func (w pipe) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.done:
		return nil, net.ErrClosed
	}
}
func (w pipe) Close() error   { close(w.done); return nil }
func (w pipe) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func TestAStreamThatNobodyReadsIsCutOff(t *testing.T) {
	t.Parallel()
	ended := make(chan bool, 1)
	p := playerWith(t, func(_ *service.Options, o *api.Options) {
		o.Timeout, o.Beat = 100*time.Millisecond, 10*time.Millisecond
		o.Observers = []api.Observer{func(ctx context.Context, x *api.Exchange) (context.Context, func()) {
			return ctx, func() {
				if x.Stream {
					ended <- true
				}
			}
		}}
	})
	near, far := net.Pipe()
	l := pipe{make(chan net.Conn, 1), make(chan struct{})}
	l.conns <- far
	server := &http.Server{Handler: p.Server.Config.Handler}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(l) }()
	defer func() { near.Close(); server.Close(); <-served }()
	if _, err := io.WriteString(near, "GET /v1/clusters/c1/events HTTP/1.1\r\nHost: x\r\nX-Auth-Token: "+p.tokens["owner"]+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReaderSize(near, 16).ReadString('\n'); err != nil || line != "HTTP/1.1 200 OK\r\n" {
		t.Fatal(line, err)
	}
	<-ended // and nothing is read meanwhile
}
