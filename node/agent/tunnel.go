package agent

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// maxTunnels is more than a gateway asks for.
const maxTunnels = 64

// streamBuffer is what one stream may hold unread, in bytes; see the gateway's.
const streamBuffer = 64 << 10

// tunnels connects the service with the cluster's API on this machine, and with
// nothing else: the port is the config's, the address is loopback.
type tunnels struct {
	*Agent
	client *http.Client // of the stream's own connection: another may lead to another server
	out    *node.Writer
	places chan struct{}
	group  sync.WaitGroup
}

func newTunnels(a *Agent, client *http.Client, out *node.Writer) *tunnels {
	return &tunnels{Agent: a, client: client, out: out, places: make(chan struct{}, maxTunnels)}
}

// open answers a Dial; the tunnel ends with ctx.
func (t *tunnels) open(ctx context.Context, id string) {
	select {
	case t.places <- struct{}{}:
	default:
		t.Logger.Warn("no tunnel", "err", "too many are open")
		return
	}
	t.group.Go(func() {
		defer func() { <-t.places }()
		conn, err := t.dialAPI(ctx)
		if err != nil {
			t.Logger.Debug("no tunnel", "err", err)
			_ = t.out.Write(node.ToService{NoDial: &node.NoDial{ID: id, Error: err.Error()}}) // the stream's reader finds out why not
			return
		}
		if err := t.carry(ctx, id, conn); err != nil && ctx.Err() == nil {
			t.Logger.Debug("tunnel", "err", err)
		}
	})
}

func (t *tunnels) dialAPI(ctx context.Context) (net.Conn, error) {
	port := t.apiPort.Load()
	if port == 0 {
		return nil, jeroboam.Errorf(jeroboam.Forbidden, "api-port", "The machine's config names no port of an API.")
	}
	dialer := net.Dialer{Timeout: dialPatience}
	return dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.FormatInt(port, 10)))
}

// carry passes bytes both ways until either end hangs up: what the API says is
// the request's body, what it hears is the answer's.
func (t *tunnels) carry(ctx context.Context, id string, conn net.Conn) error {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	response, err := call(ctx, t.client, http.MethodPost, node.PathTunnels+id, conn)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(conn, response.Body)
	return err
}
