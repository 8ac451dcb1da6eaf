package proxy

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam/test/port"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serveName answers every connection with its name once the client has sent all.
func serveName(t *testing.T, name string) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wait.Go(func() {
				defer conn.Close()
				_, _ = io.Copy(io.Discard, conn)
				_, _ = io.WriteString(conn, name)
			})
		}
	})
	t.Cleanup(func() { listener.Close(); wait.Wait() })
	return listener
}

// balance runs a balancer until the test ends.
func balance(t *testing.T, c Config) (path string, reload chan struct{}) {
	t.Helper()
	path, reload = filepath.Join(t.TempDir(), ConfigFile), make(chan struct{})
	if err := c.Save(path); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := Run(ctx, path, reload, slog.New(slog.DiscardHandler), func() { close(ready) }); err != nil {
			t.Error(err)
			close(ready)
		}
	})
	t.Cleanup(func() { cancel(); wait.Wait() })
	<-ready
	return path, reload
}

// answer is what one connection through the balancer yields: the request is
// sent, its end is announced, and only then does the backend answer.
func answer(t *testing.T, address string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "hello")
	_ = conn.(*net.TCPConn).CloseWrite()
	data, _ := io.ReadAll(conn)
	return string(data)
}

func answers(t *testing.T, address string) []string {
	t.Helper()
	var all []string
	for range 8 {
		all = append(all, answer(t, address))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestConnectionsGoToEveryBackendInTurn(t *testing.T) {
	one, two := serveName(t, "one"), serveName(t, "two")
	address := port.Address(t)
	balance(t, Config{Listen: address, Backends: []string{one.Addr().String(), two.Addr().String()}})
	if got := answers(t, address); !slices.Equal(got, []string{"one", "two"}) {
		t.Error(got)
	}
}

func TestADeadBackendIsPassedOverAtOnce(t *testing.T) {
	one, two := serveName(t, "one"), serveName(t, "two")
	address := port.Address(t)
	balance(t, Config{Listen: address, Backends: []string{one.Addr().String(), two.Addr().String()}})
	one.Close()
	if got := answers(t, address); !slices.Equal(got, []string{"two"}) {
		t.Error(got)
	}
}

func TestNewBackendsCountAtOnce(t *testing.T) {
	one, two := serveName(t, "one"), serveName(t, "two")
	address := port.Address(t)
	path, reload := balance(t, Config{Listen: address})
	if got := answer(t, address); got != "" {
		t.Errorf("nobody answered %q", got)
	}
	for _, backend := range []net.Listener{one, two} {
		if err := (Config{Listen: address, Backends: []string{backend.Addr().String()}}).Save(path); err != nil {
			t.Fatal(err)
		}
		reload <- struct{}{}
		want := map[net.Listener]string{one: "one", two: "two"}[backend]
		for deadline := time.Now().Add(time.Minute); answer(t, address) != want; {
			if time.Now().After(deadline) {
				t.Fatalf("%s is never used", want)
			}
		}
	}
}

func TestConnectionsOfARemovedBackendAreClosed(t *testing.T) {
	one := serveName(t, "one")
	address := port.Address(t)
	path, reload := balance(t, Config{Listen: address, Backends: []string{one.Addr().String()}})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	if err := (Config{Listen: address}).Save(path); err != nil {
		t.Fatal(err)
	}
	reload <- struct{}{}
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection lives on: %v", err)
	}
}

func TestAnAddressThatIsTakenIsToldOf(t *testing.T) {
	one := serveName(t, "one")
	path := filepath.Join(t.TempDir(), ConfigFile)
	if err := (Config{Listen: one.Addr().String()}).Save(path); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), path, nil, slog.New(slog.DiscardHandler), func() {}); err == nil {
		t.Error("the balancer ran")
	}
}
