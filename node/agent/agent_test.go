package agent_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/agent"
	"github.com/jeroboam-cloud/jeroboam/node/gateway/gatewaytest"
)

func TestAMachineIsBroughtToItsConfig(t *testing.T) {
	w := newWorld(t)
	must(t, os.MkdirAll(w.path("sysctl/net/ipv4"), 0o755))
	must(t, os.WriteFile(w.path("sysctl/net/ipv4/ip_forward"), []byte("0\n"), 0o644))
	spoken := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		if w.lines("order") == nil { // to be started is not yet to have said so
			out.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer spoken.Close()
	var hostname string
	w.boot(func(o *agent.Options) { o.SetHostname = func(name string) error { hostname = name; return nil } })
	config := node.Config{
		Hostname:    "demo-master-0",
		Directories: []node.Directory{{Path: w.path("etc/pki"), Mode: 0o700}},
		Files:       []node.File{{Path: w.path("etc/deep/config"), Mode: 0o640, Content: "content"}},
		Certificates: []node.Certificate{{
			Name: "kubelet", CommonName: "system:node:x", Server: true, IPs: []string{"10.0.0.2"},
			CertPath: w.path("etc/pki/kubelet.crt"), KeyPath: w.path("etc/pki/kubelet.key"),
		}},
		Sysctls: []node.Sysctl{{Key: "net.ipv4.ip_forward", Value: "1"}, {Key: "no.such.key", Value: "1"}},
		Services: []node.Service{
			{Name: "second", After: []string{"task"}, Command: []string{"sh", "-c", "echo second >>" + w.path("order") + "; exec sleep 1000"}},
			{Name: "first", Ready: &node.Probe{URL: spoken.URL}, Command: []string{"sh", "-c", "echo first >>" + w.path("order") + "; exec sleep 1000"}},
		},
		Tasks: []node.Task{{Name: "task", After: []string{"first"}, Command: []string{"sh", "-c", "cat >>" + w.path("order")}, Stdin: "task\n"}},
	}
	w.SetConfig(machine, config)
	m := w.inForce(config)

	eventually(t, "all have said so", func() bool { return len(w.lines("order")) >= 3 })
	if got, want := w.lines("order"), []string{"first", "task", "second"}; !slices.Equal(got, want) {
		t.Errorf("order: got %v, want %v", got, want)
	}
	if hostname != "demo-master-0" {
		t.Errorf("host name: %q", hostname)
	}
	if got := w.read("sysctl/net/ipv4/ip_forward"); got != "1" {
		t.Errorf("sysctl: %q", got)
	}
	if got := w.read("etc/deep/config"); got != "content" {
		t.Errorf("file: %q", got)
	}
	for path, want := range map[string]os.FileMode{
		"etc/pki": 0o700 | os.ModeDir, "etc/deep/config": 0o640, "etc/pki/kubelet.key": 0o600, "etc/pki/kubelet.crt": 0o644,
		"state": 0o700 | os.ModeDir, "state/config.json": 0o600, "state/identity.key": 0o600,
	} {
		stat, err := os.Stat(w.path(path))
		must(t, err)
		if stat.Mode() != want {
			t.Errorf("%s: mode %v, want %v", path, stat.Mode(), want)
		}
	}
	if m.Report.Cause != nil || len(m.Report.Services) != 2 || m.Report.Services[0].Name != "second" {
		t.Errorf("report: %+v", m.Report)
	}
}

func TestOnlyWhatAChangeTouchesIsRestarted(t *testing.T) {
	w := newWorld(t)
	w.boot()
	watcher := w.sleeper("watcher")
	watcher.Watch = []string{w.path("watched")}
	config := node.Config{
		Files:    []node.File{{Path: w.path("watched"), Mode: 0o600, Content: "1"}, {Path: w.path("other"), Mode: 0o600, Content: "1"}},
		Services: []node.Service{w.sleeper("same"), watcher, w.sleeper("changed"), w.sleeper("removed")},
	}
	w.SetConfig(machine, config)
	w.inForce(config)
	for _, name := range []string{"same", "watcher", "changed"} {
		w.pids(name, 1)
	}
	removed := w.pids("removed", 1)[0]

	next := config
	next.Files = []node.File{{Path: w.path("watched"), Mode: 0o600, Content: "2"}}
	next.Services = slices.Clone(config.Services[:3])
	next.Services[0].After = []string{"watcher"} // an order is no reason to restart
	next.Services[2].Env = map[string]string{"A": "B"}
	w.SetConfig(machine, next)
	w.inForce(next)
	for name, starts := range map[string]int{"same": 1, "watcher": 2, "changed": 2, "removed": 1} {
		w.pids(name, starts)
	}
	eventually(t, "the removed service ends", func() bool { return !alive(removed) })
	eventually(t, "the removed file goes", func() bool { _, err := os.Stat(w.path("other")); return err != nil })

	w.SetConfig(machine, config)
	w.inForce(config)
	w.pids("removed", 2)
}

func TestAServiceThatEndsIsStartedAgainAndItsLastWordsAreReported(t *testing.T) {
	w := newWorld(t)
	w.boot()
	config := node.Config{Services: []node.Service{{
		Name: "flaky", Command: []string{"sh", "-c", "echo run >>" + w.path("runs") + "; echo last words; exit 3"},
	}}}
	w.SetConfig(machine, config)
	m := w.await(func(m gatewaytest.Machine) bool {
		return len(m.Report.Services) == 1 && m.Report.Services[0].State == "backoff" && m.Report.Services[0].Restarts >= 2
	})
	if got, want := m.Report.Services[0].Message, "exited with status 3:\nlast words"; got != want {
		t.Errorf("message: %q, want %q", got, want)
	}
	if runs := len(w.lines("runs")); runs < 2 {
		t.Errorf("runs: %d", runs)
	}
}

func TestAConfigThatCannotBeAppliedIsReportedAndTheOldOneRunsOn(t *testing.T) {
	w := newWorld(t)
	w.boot()
	good := node.Config{Services: []node.Service{w.sleeper("a")}}
	w.SetConfig(machine, good)
	w.inForce(good)
	for name, bad := range map[string]node.Config{
		"config": {Services: []node.Service{{Name: "a", Command: []string{"x"}, After: []string{"b"}}, {Name: "b", Command: []string{"x"}, After: []string{"a"}}}},
		// The fake signs what the config asks for, but this is no address.
		"machine":      {Certificates: []node.Certificate{{Name: "c", IPs: []string{"no"}, CertPath: w.path("c"), KeyPath: w.path("k")}}},
		"bundle":       {Bundle: node.Bundle{Digest: strings.Repeat("0", 64)}},
		"bundle-image": {Images: node.Images{Names: []string{"pause"}, Import: []string{"true", "{}"}}},
	} {
		w.SetConfig(machine, bad)
		m := w.await(func(m gatewaytest.Machine) bool { return m.Report.Cause != nil && m.Report.Cause.Detail != "" })
		if name != "bundle" && m.Report.Cause.Reason != name {
			t.Errorf("%s: cause %+v", name, m.Report.Cause)
		}
		if m.Report.Config != good.Digest() || m.Report.Services[0].State != "ready" {
			t.Errorf("%s: report %+v", name, m.Report)
		}
		w.SetConfig(machine, good)
		w.await(func(m gatewaytest.Machine) bool { return m.Report.Cause == nil })
	}
	w.pids("a", 1)
}

func TestThePowerGoesInTheReverseOrder(t *testing.T) {
	w := newWorld(t)
	off := w.boot()
	service := func(name string, after ...string) node.Service {
		return node.Service{Name: name, After: after, Command: []string{"sh", "-c",
			"trap 'echo " + name + " >>" + w.path("stops") + "; exit 0' TERM; touch " + w.path(name+".up") + "; while :; do sleep 0.01; done"}}
	}
	config := node.Config{Services: []node.Service{service("a"), service("b", "a"), service("c", "b")}}
	w.SetConfig(machine, config)
	w.inForce(config)
	for _, name := range []string{"a", "b", "c"} {
		eventually(t, name+" is up", func() bool { _, err := os.Stat(w.path(name + ".up")); return err == nil })
	}
	off()
	if got, want := w.lines("stops"), []string{"c", "b", "a"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAServiceThatDoesNotStopIsKilledWithItsGroup(t *testing.T) {
	w := newWorld(t)
	off := w.boot()
	config := node.Config{Services: []node.Service{{
		Name: "stubborn", Stop: 50 * time.Millisecond,
		Command: []string{"sh", "-c", "trap '' TERM; sh -c 'echo $$ >" + w.path("child") + "; while :; do sleep 0.01; done' & while :; do sleep 0.01; done"},
	}}}
	w.SetConfig(machine, config)
	w.inForce(config)
	eventually(t, "the child is up", func() bool { return len(w.lines("child")) == 1 })
	off()
	child := w.lines("child")[0]
	eventually(t, "the child is gone", func() bool { return !alive(child) })
}

// alive reports whether a process is there and no zombie.
func alive(pid string) bool {
	data, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(data), ") Z ")
}

func TestADiskThatIsNotThereIsToldOfAndNothingIsStartedWithoutIt(t *testing.T) {
	w := newWorld(t)
	must(t, os.MkdirAll(w.path("sys/block/vda"), 0o755))
	w.boot(func(o *agent.Options) { o.SysDir = w.path("sys") })
	w.SetConfig(machine, node.Config{
		Disks:    []node.Disk{{Serial: "2f9a1c4e-77aa-4a83-9b5e-0d6f1f0a9c11", Mount: w.path("data")}},
		Services: []node.Service{w.sleeper("a")},
	})
	m := w.await(func(m gatewaytest.Machine) bool { return m.Report.Cause != nil })
	if c := m.Report.Cause; c.Reason != "disk" || !strings.Contains(c.Detail, "2f9a1c4e") || c.Remedy == "" {
		t.Errorf("cause: %+v", c)
	}
	if w.lines("a.pids") != nil || w.lines("data") != nil {
		t.Error("a service was started without its disk")
	}
}
