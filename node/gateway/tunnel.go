package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// A tunnel is a stream of HTTP/2 on the connection that an agent has open
// already: the gateway asks for it, the agent opens it and connects it with the
// one port that its config names. So it comes to the server that asked, passes
// every firewall the agent passes, and costs a machine at rest nothing.

// Limits of tunnels. What they may hold unread is less, together, than what
// their connection may: one whose reader hangs does not keep the agent's own
// stream waiting.
const (
	tunnelsPerMachine = 56
	tunnelsInAll      = 8192
	streamsPerAgent   = tunnelsPerMachine + 4 // its own, and some that are on their way out
	streamBuffer      = 64 << 10              // bytes
	agentBuffer       = streamsPerAgent * streamBuffer
	tunnelPatience    = 10 * time.Second // for the agent to open one
	lastWrite         = time.Second      // for what is written when a tunnel ends
	// comeback is how long after the start agents that are not there yet are waited
	// for: most were connected before it, and call again within that time.
	comeback = 15 * time.Second
)

// tunnels are those that are open, and those that agents were asked for.
type tunnels struct {
	mu      sync.Mutex
	awaited map[string]*awaited // by ID
	held    map[string]int      // by machine: open or awaited
	total   int
}

// awaited is a tunnel that an agent was asked for. It is answered once.
type awaited struct {
	id, machine string
	answer      chan answer // one place
}

type answer struct {
	conn net.Conn
	err  error
}

// Dial connects to the cluster's API on a control-plane machine, through the
// machine's agent. Server is the URL of the server that the agent has called,
// "" for this one. Unavailable when the agent is away or the API does not answer it;
// QuotaExceeded when too many connections are open.
func (g *Gateway) Dial(ctx context.Context, server, machine string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, tunnelPatience)
	defer cancel()
	if server != "" {
		return g.dialBy(ctx, server, machine)
	}
	s := g.session(ctx, machine)
	if s == nil {
		return nil, agentAway
	}
	a, err := g.tunnels.await(machine)
	if err != nil {
		return nil, err
	}
	conn, err := s.ask(ctx, a)
	if err != nil {
		g.tunnels.withdraw(a)
	}
	return conn, err
}

var agentAway = jeroboam.Errorf(jeroboam.Unavailable, "agent-away", "The machine's agent is not connected.").
	WithRemedy("See whether the machine runs and reaches the service.")

// Tunnels is how many connections to machines' APIs are open.
func (g *Gateway) Tunnels() int {
	g.tunnels.mu.Lock()
	defer g.tunnels.mu.Unlock()
	return g.tunnels.total
}

// session is the machine's, nil if its agent is away.
func (g *Gateway) session(ctx context.Context, machine string) *session {
	for {
		g.mu.Lock()
		s, came, early := g.sessions[machine], g.came, g.began.Add(comeback).Sub(g.Now())
		g.mu.Unlock()
		if s != nil || early <= 0 {
			return s
		}
		select {
		case <-came:
		case <-time.After(early):
		case <-ctx.Done():
			return nil
		}
	}
}

// ask has the agent open a tunnel and waits for it.
func (s *session) ask(ctx context.Context, a *awaited) (net.Conn, error) {
	select {
	case s.dials <- a.id:
	case <-s.ended:
		return nil, agentAway
	case <-ctx.Done():
		return nil, noTunnel(ctx.Err())
	}
	select {
	case got := <-a.answer:
		return got.conn, got.err
	case <-s.ended:
		return nil, agentAway
	case <-ctx.Done():
		return nil, noTunnel(ctx.Err())
	}
}

func noTunnel(err error) error {
	return jeroboam.Errorf(jeroboam.Unavailable, "tunnel", "The machine's agent opens no connection to its API.").Wrap(err)
}

// passDials passes on what the agent is asked for.
func (s *session) passDials(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-s.dials:
			s.say(node.ToAgent{Dial: &node.Dial{ID: id}})
		}
	}
}

// tunnel is opened by an agent that was asked for it.
func (g *Gateway) tunnel(w http.ResponseWriter, r *http.Request) {
	machine := caller(r)
	if machine == "" {
		g.refuse(w, r, "", noIdentity)
		return
	}
	a := g.tunnels.take(r.PathValue("id"), machine)
	if a == nil {
		http.Error(w, "Nobody waits for this.", http.StatusNotFound) // any more
		return
	}
	defer g.tunnels.release(machine)
	near, far := net.Pipe()
	a.answer <- answer{conn: far}
	relay(w, r, near)
}

// relay passes bytes between a caller's stream and a connection until either
// ends, and closes the connection.
func relay(w http.ResponseWriter, r *http.Request, conn net.Conn) {
	control := http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if control.Flush() != nil {
		cancel()
	}
	var group sync.WaitGroup
	group.Go(func() {
		defer cancel()
		_, _ = io.Copy(conn, r.Body)
	})
	group.Go(func() {
		defer cancel()
		_, _ = io.Copy(flushing{w, control}, conn)
	})
	<-ctx.Done()
	_ = conn.Close()
	_ = control.SetReadDeadline(time.Now())
	_ = control.SetWriteDeadline(time.Now().Add(lastWrite))
	group.Wait()
}

// flushing sends every write at once.
type flushing struct {
	io.Writer
	control *http.ResponseController
}

func (f flushing) Write(data []byte) (int, error) {
	n, err := f.Writer.Write(data)
	return n, errors.Join(err, f.control.Flush())
}

// await makes room for one more tunnel, if there is any.
func (t *tunnels) await(machine string) (*awaited, error) {
	a := &awaited{id: rand.Text(), machine: machine, answer: make(chan answer, 1)}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.total >= tunnelsInAll || t.held[machine] >= tunnelsPerMachine {
		return nil, jeroboam.Errorf(jeroboam.QuotaExceeded, "tunnels", "Too many connections to the cluster's API are open through the service.").
			WithRemedy("Close some, or come back later.")
	}
	t.awaited[a.id] = a
	t.held[machine]++
	t.total++
	return a, nil
}

// take is for who answers: nil when nobody waits for this machine's tunnel of
// that ID. Its place is to be released.
func (t *tunnels) take(id, machine string) *awaited {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.awaited[id]
	if a == nil || a.machine != machine {
		return nil
	}
	delete(t.awaited, id)
	return a
}

// refuse answers with an error, for a machine whose API cannot be reached.
func (t *tunnels) refuse(machine string, no node.NoDial) {
	if a := t.take(no.ID, machine); a != nil {
		defer t.release(machine)
		a.answer <- answer{err: jeroboam.Errorf(jeroboam.Unavailable, "api", "The API of the cluster does not answer on its machine.").
			Wrap(errors.New(printable(no.Error)))}
	}
}

// withdraw is for who waits no longer. An answer that has come meanwhile is
// closed.
func (t *tunnels) withdraw(a *awaited) {
	if t.take(a.id, a.machine) != nil {
		t.release(a.machine)
		return
	}
	select {
	case late := <-a.answer:
		if late.conn != nil {
			_ = late.conn.Close()
		}
	default: // it was an error, and is known
	}
}

func (t *tunnels) release(machine string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total--
	if t.held[machine]--; t.held[machine] == 0 {
		delete(t.held, machine)
	}
}
