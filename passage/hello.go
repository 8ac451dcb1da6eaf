package passage

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
)

// errRead ends a handshake once the name is known.
var errRead = errors.New("the name is known")

// serverName returns the name of the server that a TLS client asks for, and all
// that was read of it. The client hears nothing. The reader is crypto/tls's own.
func serverName(conn net.Conn) (name string, hello []byte, err error) {
	mute := &mute{Conn: conn}
	err = tls.Server(mute, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		name = h.ServerName
		return nil, errRead
	}}).Handshake()
	if !errors.Is(err, errRead) {
		return "", nil, err
	}
	return name, mute.read.Bytes(), nil
}

// mute keeps what is read and says nothing.
type mute struct {
	net.Conn
	read bytes.Buffer
}

func (m *mute) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	m.read.Write(p[:n])
	return n, err
}

func (m *mute) Write(p []byte) (int, error) { return len(p), nil }

func (m *mute) Close() error { return nil }
