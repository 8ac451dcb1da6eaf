package heir

import (
	"errors"
	"net"
	"path/filepath"
	"testing"
)

// TestTheSocketOfAgentsIsInherited has two servers of one host: one listens,
// the other takes the socket up when that one ends.
func TestTheSocketOfAgentsIsInherited(t *testing.T) {
	dir := t.TempDir()
	path, lock := filepath.Join(dir, "sock"), filepath.Join(dir, "lock")
	first, err := Listen(path, lock)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Listen(path, lock)
	if err != nil {
		t.Fatal(err)
	}
	accepted := func(h *Heir) <-chan error {
		ended := make(chan error, 1)
		go func() {
			conn, err := h.Accept()
			if err == nil {
				err = conn.Close()
			}
			ended <- err
		}()
		return ended
	}
	call := func() {
		t.Helper()
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	one, two := accepted(first), accepted(second)
	call()
	if err := <-one; err != nil {
		t.Errorf("the first: %v", err)
	}
	select {
	case err := <-two:
		t.Errorf("the second accepted while the first listens: %v", err)
	default:
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	for {
		conn, err := net.Dial("unix", path)
		if err == nil { // the second listens
			conn.Close()
			break
		}
	}
	if err := <-two; err != nil {
		t.Errorf("the second: %v", err)
	}
	third, err := Listen(path, lock)
	if err != nil {
		t.Fatal(err)
	}
	waits := accepted(third)
	if err := third.Close(); err != nil {
		t.Error(err)
	}
	if err := <-waits; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept of a closed one that waits: %v", err)
	}
	call()
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
