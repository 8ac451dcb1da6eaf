// Package port keeps ports of the loopback address for what a test starts later:
// a port that was looked for and freed again is anybody's by then.
package port

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Keep returns an address that nobody listens on, such as 127.0.0.1:40123, and
// what lets go of it. Until then the kernel gives its port to nobody who asks for
// any, and connections to it are refused; but who names it, as servers do that
// are written in Go, listens on it, as often as he likes.
func Keep() (address string, release func() error, err error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", nil, os.NewSyscallError("socket", err)
	}
	release = func() error { return unix.Close(socket) }
	// Sockets with this option share a port as long as none of them listens.
	if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		_ = release()
		return "", nil, os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Bind(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		_ = release()
		return "", nil, os.NewSyscallError("bind", err)
	}
	name, err := unix.Getsockname(socket)
	if err != nil {
		_ = release()
		return "", nil, os.NewSyscallError("getsockname", err)
	}
	return fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port), release, nil
}

// Address keeps one until the test ends.
func Address(t testing.TB) string {
	t.Helper()
	address, release, err := Keep()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := release(); err != nil {
			t.Error(err)
		}
	})
	return address
}
