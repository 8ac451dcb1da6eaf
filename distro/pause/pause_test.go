package pause

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestPauseWaitsAndEndsCleanlyWhenAsked(t *testing.T) {
	if runtime.GOOS+"/"+runtime.GOARCH != "linux/amd64" {
		t.Skip("the program is for linux/amd64")
	}
	path := filepath.Join(t.TempDir(), "pause")
	if err := os.WriteFile(path, AMD64(), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		endsAt(t, path, signal)
	}
}

// endsAt starts the program and signals it once it waits.
func endsAt(t *testing.T, path string, signal syscall.Signal) {
	t.Helper()
	command := exec.Command(path)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	for !waiting(t, command.Process.Pid) {
		runtime.Gosched()
	}
	if err := command.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("after %v: %v, want exit code 0", signal, err)
	}
}

// waiting reports whether the process pid is in the pause system call, 34.
func waiting(t *testing.T, pid int) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "syscall"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.HasPrefix(string(text), "34 ")
}
