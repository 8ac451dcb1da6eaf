package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/agent/internal/supervise"
)

const (
	redialFirst  = 100 * time.Millisecond
	redialLast   = 10 * time.Second
	redialSocket = time.Second      // the longest pause when a unix socket is all there is to knock at
	redialGone   = 30 * time.Second // the service knows this machine no more
	steadyStream = 10 * time.Second // a stream that lived so long resets the back-off
	reportPause  = 50 * time.Millisecond
	renewPause   = time.Minute // after an identity's renewal in vain
)

// connect keeps a stream to the service open until ctx ends.
func (a *Agent) connect(ctx context.Context) {
	pauses := supervise.Backoff{First: redialFirst, Last: redialLast}
	if a.gateway.network == "unix" {
		pauses.Last = redialSocket
	}
	var last string
	for {
		start := time.Now()
		err := a.session(ctx)
		if ctx.Err() != nil {
			return
		}
		a.leave.Do(func() { close(a.alone) })
		if time.Since(start) > steadyStream {
			pauses.Reset()
		}
		pause := redialPause(err, &pauses)
		level := a.Logger.Debug
		if err.Error() != last { // a service that is away for days is told of once
			level, last = a.Logger.Warn, err.Error()
		}
		level("no stream", "kind", jeroboam.KindOf(err), "dur", pause, "err", err)
		if !supervise.Sleep(ctx, pause) {
			return
		}
	}
}

// redialPause is how long to wait after a stream that ended with err.
func redialPause(err error, pauses *supervise.Backoff) time.Duration {
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return supervise.Jittered(redialGone)
	}
	return supervise.Jittered(pauses.Next())
}

// session joins if need be and serves one stream until it breaks.
func (a *Agent) session(ctx context.Context) error {
	if _, ok := a.identity.valid(a.Now()); !ok {
		start := time.Now()
		if err := a.gateway.join(ctx); err != nil {
			return err
		}
		a.Logger.Info("joined", "machine", a.userData.Machine, "dur", time.Since(start))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client := a.gateway.one()
	defer client.CloseIdleConnections()
	in, pipe, err := a.open(ctx, client)
	if err != nil {
		return err
	}
	defer in.Close()
	a.Logger.Info("connected", "machine", a.userData.Machine)
	a.confirm()
	out := node.NewWriter(pipe, node.MaxToService, nil)
	a.signer.attach(func(m node.ToService) error { return out.Write(m) })
	defer a.signer.attach(nil)

	var group sync.WaitGroup
	defer group.Wait()
	tunnels := newTunnels(a, client, out)
	defer tunnels.group.Wait()
	defer cancel()
	defer pipe.Close() // ends a write that waits
	group.Go(func() { a.sendReports(ctx, out) })
	group.Go(func() { a.renewIdentity(ctx) })
	return a.receive(node.NewReader(in, node.MaxToAgent), func(d node.Dial) { tunnels.open(ctx, d.ID) })
}

// open opens a stream with a Hello: in is what the service says, out what it
// hears. Both end with ctx.
func (a *Agent) open(ctx context.Context, client *http.Client) (in io.ReadCloser, out io.WriteCloser, err error) {
	hello, err := a.hello()
	if err != nil {
		return nil, nil, err
	}
	up, pipe := io.Pipe()
	// The transport finds out that ctx or the connection has ended only when its
	// read of the body returns: it closes the body for that, and ctx must too.
	context.AfterFunc(ctx, func() { pipe.Close() })
	body := struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(hello), up), up}
	response, err := call(ctx, client, http.MethodPost, node.PathStream, body)
	if err != nil {
		pipe.Close()
		if jeroboam.KindOf(err) == jeroboam.Unauthenticated {
			a.identity.forget() // of an authority that is no more
		}
		return nil, nil, err
	}
	return response.Body, pipe, nil
}

// hello is the first line of a stream.
func (a *Agent) hello() ([]byte, error) {
	report, _, _ := a.report()
	data, err := json.Marshal(node.ToService{Hello: &node.Hello{
		Machine: a.userData.Machine, Agent: a.Version, Digest: a.digest(), Config: report.Config, Boot: a.boot,
	}})
	return append(data, '\n'), err
}

// receive reads the service's messages until the stream ends.
func (a *Agent) receive(in *node.Reader, dial func(node.Dial)) error {
	for {
		var message node.ToAgent
		if err := in.Read(&message); err != nil {
			return jeroboam.Errorf(jeroboam.Unavailable, "stream", "The stream ended.").Wrap(err)
		}
		switch {
		case message.Config != nil:
			replace(a.configs, *message.Config)
		case message.Signed != nil:
			a.signer.deliver(*message.Signed)
		case message.Upgrade != nil:
			replace(a.upgrades, *message.Upgrade)
		case message.Dial != nil:
			dial(*message.Dial)
		case message.Error != "":
			a.Logger.Warn("the service refused a message", "err", message.Error)
		}
	}
}

// replace puts the newest value into a box of one place. One goroutine puts.
func replace[T any](box chan T, value T) {
	select {
	case <-box:
	default:
	}
	box <- value
}

// sendReports sends the state at once and then on every change, with a pause
// in between that gathers what changes together.
func (a *Agent) sendReports(ctx context.Context, out *node.Writer) {
	var last []byte
	for pause := time.Duration(0); ; pause = reportPause {
		report, states, own := a.report()
		data, err := json.Marshal(report)
		if err != nil {
			a.Logger.Error("report", "err", err)
			return
		}
		if !bytes.Equal(data, last) {
			if out.Write(node.ToService{Report: &report}) != nil {
				return // the stream's reader finds out why
			}
			last = data
		}
		if !supervise.Sleep(ctx, pause) {
			return
		}
		select {
		case <-states:
		case <-own:
		case <-ctx.Done():
			return
		}
	}
}

// renewIdentity renews the agent's certificate when it is due. The stream goes
// on with the old one; the next uses the new.
func (a *Agent) renewIdentity(ctx context.Context) {
	pause := a.identity.due().Sub(a.Now())
	for supervise.Sleep(ctx, max(0, pause)) {
		csr, err := a.identity.request()
		if err == nil {
			var certificate string
			if certificate, err = a.signer.sign(ctx, node.SignRequest{CSR: csr}); err == nil {
				err = a.identity.accept(certificate)
			}
		}
		if ctx.Err() != nil {
			return
		}
		pause = a.identity.due().Sub(a.Now())
		if err != nil {
			a.Logger.Warn("identity not renewed", "err", err)
		}
		pause = max(pause, renewPause)
	}
}
