package supervise

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/test/port"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func shell(script string) Command {
	return Command{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: os.Environ()}
}

func TestTheEndOfAProcessIsTold(t *testing.T) {
	r := NewReaper(false)
	defer r.Close()
	for script, want := range map[string]Exit{
		"exit 0":        {Known: true},
		"exit 7":        {Known: true, Code: 7},
		"kill -TERM $$": {Known: true, Signal: syscall.SIGTERM},
	} {
		p, err := r.Start(shell(script))
		must(t, err)
		if got := p.Exit(); got != want {
			t.Errorf("%s: got %+v, want %+v", script, got, want)
		}
		p.Signal(syscall.SIGKILL) // goes nowhere
	}
	if _, err := r.Start(Command{Path: "/no/such/file", Args: []string{"x"}}); err == nil {
		t.Error("a file that is not there was started")
	}
	if _, ok := r.Adopt(ID{PID: os.Getpid(), Start: 1}); ok {
		t.Error("another process of the same number was adopted")
	}
}

func TestTheFirstProcessReapsOrphansAndLosesNoExit(t *testing.T) {
	must(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	r := NewReaper(true)
	defer r.Close()
	out := filepath.Join(t.TempDir(), "orphans")
	var processes []Process
	for i := range 20 {
		// The orphan leaves its parent's session, as a daemon does.
		p, err := r.Start(shell("setsid sh -c 'echo $$ >>" + out + "; sleep 0.05' & wait_for=" + out + "; exit " + strconv.Itoa(i)))
		must(t, err)
		processes = append(processes, p)
	}
	for i, p := range processes {
		if got, want := p.Exit(), (Exit{Known: true, Code: i}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	deadline := time.Now().Add(time.Minute)
	for {
		children, err := os.ReadFile("/proc/thread-self/children")
		pids, _ := os.ReadFile(out)
		if err == nil && len(bytes.TrimSpace(children)) == 0 && !anyAlive(pids) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("orphans are left: %s", pids)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// anyAlive reports whether one of the processes is there, even as a zombie.
func anyAlive(pids []byte) bool {
	for _, pid := range strings.Fields(string(pids)) {
		if _, err := os.Stat("/proc/" + pid); err == nil {
			return true
		}
	}
	return false
}

func TestAStrangerIsAdoptedAndItsEndNoticed(t *testing.T) {
	// A shell of another reaper's: the one under test is not its parent's.
	command := exec.Command("/bin/sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & echo $!")
	text, err := command.Output()
	must(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	must(t, err)
	start, err := StartTime(pid)
	must(t, err)
	r := NewReaper(false)
	defer r.Close()
	p, ok := r.Adopt(ID{PID: pid, Start: start})
	if !ok {
		t.Fatal("not adopted")
	}
	again, ok := r.Adopt(p.ID())
	if !ok || again != p {
		t.Error("a second adoption is another process")
	}
	must(t, syscall.Kill(pid, syscall.SIGKILL))
	if got := p.Exit(); got.Known {
		t.Errorf("got %+v of a process that is nobody's child here", got)
	}
}

func TestALogIsCutAndItsEndKept(t *testing.T) {
	l := logs{dir: t.TempDir(), max: 100}
	file, from, err := l.open("a")
	must(t, err)
	defer file.Close()
	if from != 0 {
		t.Errorf("a new log begins at %d", from)
	}
	_, err = file.WriteString(strings.Repeat("old\n", 30))
	must(t, err)
	must(t, l.trim("a"))
	_, err = file.WriteString("new\n") // the child goes on as if nothing had happened
	must(t, err)
	now, err := os.ReadFile(l.path("a"))
	must(t, err)
	kept, err := os.ReadFile(l.path("a") + ".1")
	must(t, err)
	if string(now) != "new\n" || len(kept) != 100 || !strings.HasSuffix(string(kept), "old\n") {
		t.Errorf("now %q, kept %d bytes", now, len(kept))
	}
	if got := l.tail("a", 50); got != "new" {
		t.Errorf("tail after the cut: %q", got)
	}
	must(t, l.trim("none"))
}

func TestATailIsShortAndText(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"all of a short one":         {"a\nb\n", "a\nb"},
		"the last lines":             {strings.Repeat("x\n", 100), strings.TrimSuffix(strings.Repeat("x\n", 20), "\n")},
		"no more bytes than allowed": {strings.Repeat("y", 5000), strings.Repeat("y", maxTailBytes)},
		"no broken characters":       {"a\xff\xfeb", "ab"},
		"nothing":                    {"", ""},
	} {
		if got := lastLines([]byte(c.in)); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestAProbePassesWhenItsTargetAnswers(t *testing.T) {
	dir, err := os.MkdirTemp("", "probe")
	must(t, err)
	defer os.RemoveAll(dir)
	answers := []int{500, 302, 204}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(answers[0])
		answers = answers[1:]
	}))
	defer server.Close()
	must(t, server.Listener.Close()) // it gets another one later
	address := port.Address(t)
	socket := filepath.Join(dir, "s.sock")
	for name, c := range map[string]struct {
		probe node.Probe
		serve func()
	}{
		"a URL": {node.Probe{URL: "http://" + address}, func() {
			server.Listener, err = net.Listen("tcp", address)
			must(t, err)
			server.Start()
		}},
		"a socket": {node.Probe{Socket: socket}, func() {
			l, err := net.Listen("unix", socket)
			must(t, err)
			t.Cleanup(func() { l.Close() })
		}},
	} {
		failures := 0
		served := false
		err := until(t.Context(), c.probe, func(error) {
			if failures++; !served {
				c.serve()
				served = true
			}
		})
		if err != nil || failures == 0 {
			t.Errorf("%s: %v after %d failures", name, err, failures)
		}
	}
	if len(answers) != 0 {
		t.Errorf("it passed before a 2xx: %v are left", answers)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := until(ctx, node.Probe{Address: "127.0.0.1:1"}, func(error) {}); err == nil {
		t.Error("a probe passed that was called off")
	}
}

func TestARecordThatIsDamagedIsBegunAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	must(t, os.WriteFile(path, []byte("{half"), 0o600))
	r, err := openRecord(path, "boot")
	must(t, err)
	must(t, r.started("a", running{ID: ID{PID: 1, Start: 2}, Version: "v"}))
	must(t, r.done("t", "1"))
	again, err := openRecord(path, "boot")
	must(t, err)
	if p, ok := again.process("a"); !ok || p.Version != "v" || !again.isDone("t", "1") {
		t.Errorf("read back: %+v", again.kept)
	}
	later, err := openRecord(path, "the next boot")
	must(t, err)
	if _, ok := later.process("a"); ok || !later.isDone("t", "1") {
		t.Errorf("after a boot: %+v", later.kept)
	}
}
