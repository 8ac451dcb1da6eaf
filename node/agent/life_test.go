package agent_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/agent"
	"github.com/jeroboam-cloud/jeroboam/node/gateway"
	"github.com/jeroboam-cloud/jeroboam/node/gateway/gatewaytest"
	"github.com/jeroboam-cloud/jeroboam/release"
)

func TestAnAgentComesBackWhenTheServiceDoes(t *testing.T) {
	w := newWorld(t)
	w.boot()
	config := node.Config{Services: []node.Service{w.sleeper("a")}}
	w.SetConfig(machine, config)
	w.inForce(config)
	w.stop()
	w.await(func(m gatewaytest.Machine) bool { return m.Gones == 1 })
	w.serve()
	m := w.await(func(m gatewaytest.Machine) bool { return len(m.Hellos) == 2 && m.Connected })
	if m.Hellos[1].Config != config.Digest() || m.Hellos[1].Boot != m.Hellos[0].Boot {
		t.Errorf("hello: %+v", m.Hellos[1])
	}
	w.pids("a", 1)
}

func TestAnAgentComesBackWhenItsConnectionIsCut(t *testing.T) {
	w := newWorld(t)
	cut := w.between()
	w.boot()
	config := node.Config{Services: []node.Service{w.sleeper("a")}}
	w.SetConfig(machine, config)
	w.inForce(config)
	for hellos := range 3 {
		w.await(func(m gatewaytest.Machine) bool { return m.Connected && len(m.Hellos) == hellos+1 })
		cut()
	}
	w.await(func(m gatewaytest.Machine) bool { return m.Connected && len(m.Hellos) == 4 })
	w.pids("a", 1)
}

func TestAMachineBootsWithoutTheService(t *testing.T) {
	w := newWorld(t)
	off := w.boot()
	config := node.Config{
		Certificates: []node.Certificate{{Name: "c", CommonName: "c", CertPath: w.path("c.crt"), KeyPath: w.path("c.key")}},
		Services:     []node.Service{w.sleeper("a")},
	}
	w.SetConfig(machine, config)
	w.inForce(config)
	eventually(t, "the config is kept", func() bool { return len(w.lines("state/config.json")) == 1 })
	w.pids("a", 1)
	off()
	w.stop()
	before := w.read("c.crt")

	w.boot()
	w.pids("a", 2)
	w.serve()
	m := w.inForce(config)
	if w.read("c.crt") != before || len(m.Signed) != 1 {
		t.Errorf("a valid certificate was asked for again: %v", m.Signed)
	}
	w.pids("a", 2) // the service's config is the kept one
}

func TestACopiedDiskDoesNotRunAnotherMachinesConfig(t *testing.T) {
	w := newWorld(t)
	off := w.boot()
	config := node.Config{Services: []node.Service{w.sleeper("a")}}
	w.SetConfig(machine, config)
	w.inForce(config)
	w.pids("a", 1)
	eventually(t, "the config is kept", func() bool { return len(w.lines("state/config.json")) == 1 })
	off()
	var u node.UserData
	must(t, json.Unmarshal([]byte(w.read("user-data.json")), &u))
	u.Machine, u.Token = "machine-2", "token-2"
	w.writeUserData(u)
	w.Add("machine-2", "token-2")
	w.boot()
	ctx := t.Context()
	_, err := w.Await(ctx, "machine-2", func(m gatewaytest.Machine) bool { return m.Connected })
	must(t, err)
	w.pids("a", 1)
}

func TestAnAgentThatCannotJoinGoesOnTrying(t *testing.T) {
	w := newWorld(t)
	var u node.UserData
	must(t, json.Unmarshal([]byte(w.read("user-data.json")), &u))
	w.Add(machine, "another")
	w.boot()
	w.Add(machine, u.Token.Reveal())
	w.await(func(m gatewaytest.Machine) bool { return m.Connected })
}

func TestCertificatesAreRenewedAndTheirServicesRestarted(t *testing.T) {
	w := newWorld(t)
	w.Lives = []time.Duration{3 * time.Second, 24 * time.Hour} // the first is due after two
	w.boot()
	uses, other := w.sleeper("uses"), w.sleeper("other")
	uses.Watch = []string{w.path("c.crt")}
	config := node.Config{
		Certificates: []node.Certificate{{Name: "c", CommonName: "c", CertPath: w.path("c.crt"), KeyPath: w.path("c.key")}},
		Services:     []node.Service{uses, other},
	}
	w.SetConfig(machine, config)
	w.inForce(config)
	w.await(func(m gatewaytest.Machine) bool { return len(m.Signed) == 2 })
	w.pids("uses", 2)
	w.pids("other", 1)
}

func TestAnotherAgentTakesTheServicesOnWhenOneIsKilled(t *testing.T) {
	w := newWorld(t)
	first := w.spawn()
	config := node.Config{Services: []node.Service{w.sleeper("same"), w.sleeper("changed"), w.sleeper("removed")}}
	w.SetConfig(machine, config)
	w.inForce(config)
	eventually(t, "the config is kept", func() bool { return len(w.lines("state/config.json")) == 1 })
	w.stop()
	must(t, first.Process.Kill())
	first.Wait()
	for _, name := range []string{"same", "changed", "removed"} {
		if !alive(w.pids(name, 1)[0]) {
			t.Fatalf("%s died with the agent", name)
		}
	}
	next := node.Config{Services: []node.Service{config.Services[0], config.Services[1]}}
	next.Services[1].Env = map[string]string{"A": "B"}

	second := w.spawn(asInit + "=1")
	eventually(t, "the second agent has read the state", func() bool { return strings.Count(w.read("agent.log"), "config set") == 2 })
	w.serve()
	w.SetConfig(machine, next)
	w.inForce(next)
	w.pids("changed", 2)
	removed, same := w.pids("removed", 1)[0], w.pids("same", 1)[0]
	eventually(t, "what was removed is stopped", func() bool { return !alive(removed) })

	must(t, syscall.Kill(atoi(t, same), syscall.SIGKILL))
	w.await(func(m gatewaytest.Machine) bool {
		return m.Report.Services[0].Restarts == 1 && m.Report.Services[0].State == "ready"
	})
	w.pids("same", 2)
	must(t, second.Process.Signal(syscall.SIGTERM))
	second.Wait()
	for _, name := range []string{"same", "changed"} {
		if pid := w.pids(name, 2)[1]; alive(pid) {
			t.Errorf("%s outlived the power-off", name)
		}
	}
}

func TestAnAgentUpgradesItselfAndItsServicesRunOn(t *testing.T) {
	own, err := os.Executable()
	must(t, err)
	binary, err := os.ReadFile(own)
	must(t, err)
	bundle := t.TempDir()
	binary = append(binary, "another build"...) // behind the end of an ELF file, where it changes nothing
	must(t, os.WriteFile(bundle+"/agent", binary, 0o755))
	sum := sha256.Sum256(binary)
	want := node.Upgrade{Digest: "d", Path: "agent", SHA256: hex.EncodeToString(sum[:])}
	w := newWorld(t, func(o *gateway.Options) {
		o.Agent = want
		o.Bundles = func(string) (string, bool) { return bundle, true }
	})
	config := node.Config{Services: []node.Service{w.sleeper("a")}}
	w.SetConfig(machine, config)
	agent := w.spawn(asInit + "=1")
	m := w.await(func(m gatewaytest.Machine) bool {
		return len(m.Hellos) > 1 && m.Hellos[len(m.Hellos)-1].Digest == want.SHA256
	})
	w.inForce(config)
	eventually(t, "the upgrade is confirmed", func() bool { _, err := os.Stat(w.path("state/agent")); return err == nil })
	if m.Hellos[0].Boot != m.Hellos[1].Boot {
		t.Error("an upgrade was taken for a boot")
	}
	target, err := os.Readlink("/proc/" + strconv.Itoa(agent.Process.Pid) + "/exe")
	must(t, err)
	if target != w.path("state/agent") {
		t.Errorf("the process runs %s", target)
	}
	pids := w.pids("a", 1)
	must(t, agent.Process.Signal(syscall.SIGTERM))
	agent.Wait()
	if alive(pids[0]) {
		t.Error("the upgraded agent did not stop the service it took on")
	}
}

func TestAnUpgradeThatDoesNotRunIsNotMade(t *testing.T) {
	bundle := t.TempDir()
	script := []byte("#!/bin/sh\nexit 1\n")
	must(t, os.WriteFile(bundle+"/agent", script, 0o755))
	sum := sha256.Sum256(script)
	for name, digest := range map[string]string{"it fails": hex.EncodeToString(sum[:]), "it is another": strings.Repeat("0", 64)} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan struct{})
			w := newWorld(t, func(o *gateway.Options) {
				o.Agent = node.Upgrade{Digest: "d", Path: "agent", SHA256: digest}
				o.Bundles = func(string) (string, bool) { defer close(asked); return bundle, true }
			})
			off := w.boot(func(o *agent.Options) {
				o.Exec = func(string) error { t.Error("it was executed"); return nil }
			})
			<-asked
			config := node.Config{Services: []node.Service{w.sleeper("a")}}
			w.SetConfig(machine, config)
			w.inForce(config)
			off()
		})
	}
}

func TestABundleIsVerifiedFetchedAndLinked(t *testing.T) {
	store := t.TempDir()
	tool := "#!/bin/sh\nexec sleep 1000\n"
	digest := writeBundle(t, store, map[string]string{"tool": tool}, map[string]string{"pause": "an image"})
	w := newWorld(t, func(o *gateway.Options) {
		o.Bundles = func(d string) (string, bool) { return store, d == digest }
	})
	w.boot()
	config := node.Config{
		Bundle:   node.Bundle{Digest: digest},
		Services: []node.Service{{Name: "a", Command: []string{"tool-link"}}},
		Images:   node.Images{After: []string{"a"}, Names: []string{"pause"}, Import: []string{"cp", "{}", w.path("imported")}},
	}
	w.SetConfig(machine, config)
	m := w.inForce(config)
	if got := w.read("imported"); got != "an image" {
		t.Errorf("imported: %q", got)
	}
	if got := w.read("bin/tool-link"); got != tool {
		t.Errorf("link: %q", got)
	}
	if len(m.Report.Tasks) != 1 || m.Report.Tasks[0].Name != "images" {
		t.Errorf("tasks: %+v", m.Report.Tasks)
	}

	// Another bundle: the program has changed and nothing else.
	store2 := t.TempDir()
	digest2 := writeBundle(t, store2, map[string]string{"tool": tool + "# 2\n"}, map[string]string{"pause": "an image"})
	must(t, os.CopyFS(w.path("bundles/"+digest2), os.DirFS(store2)))
	must(t, os.WriteFile(w.path("bundles/"+digest2+"/bin/tool"), []byte(tool+"# 3\n"), 0o755))
	config.Bundle.Digest = digest2
	w.SetConfig(machine, config)
	m = w.await(func(m gatewaytest.Machine) bool { return m.Report.Cause != nil })
	if m.Report.Cause.Reason != "bundle-part" {
		t.Errorf("cause of a damaged part: %+v", m.Report.Cause)
	}
	must(t, os.WriteFile(w.path("bundles/"+digest2+"/bin/tool"), []byte(tool+"# 2\n"), 0o755))
	m = w.inForce(config)
	if m.Report.Cause != nil {
		t.Errorf("cause after the repair: %+v", m.Report.Cause)
	}
}

// writeBundle writes a bundle of programs, each with the link <name>-link, and
// of images, and returns its digest.
func writeBundle(t *testing.T, dir string, programs, images map[string]string) string {
	t.Helper()
	m := release.Manifest{Schema: release.Schema, Name: "test", Version: "v1"}
	add := func(name, folder, text string, kind release.PartKind, links ...string) {
		must(t, os.MkdirAll(dir+"/"+folder, 0o755))
		must(t, os.WriteFile(dir+"/"+folder+"/"+name, []byte(text), 0o755))
		sum := sha256.Sum256([]byte(text))
		m.Parts = append(m.Parts, release.Part{
			Name: name, Kind: kind, Path: folder + "/" + name, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(text)), Links: links,
		})
	}
	for name, text := range programs {
		add(name, "bin", text, release.Binary, name+"-link")
	}
	for name, text := range images {
		add(name, "images", text, release.Image)
	}
	data, err := json.MarshalIndent(m, "", " ")
	must(t, err)
	must(t, os.WriteFile(dir+"/"+release.ManifestFile, data, 0o644))
	return release.Digest(m)
}

func TestAnIdentityPastItsEndIsWonBackWithTheSameKey(t *testing.T) {
	w := newWorld(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	must(t, os.MkdirAll(w.path("state"), 0o700))
	must(t, os.WriteFile(w.path("state/identity.key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600))
	off := w.boot()
	first := w.await(func(m gatewaytest.Machine) bool { return m.Connected }).Key
	off()
	must(t, os.Remove(w.path("state/identity.crt")))
	w.boot()
	m := w.await(func(m gatewaytest.Machine) bool { return len(m.Hellos) == 2 })
	if m.Key != first {
		t.Error("another key")
	}
}

func atoi(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}
