package boot_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	ignition "github.com/coreos/ignition/v2/config/v3_1"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/boot"
)

func userData(gateway string) node.UserData {
	return node.UserData{Machine: "m1", Gateway: gateway, CA: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", Token: "the-token"}
}

// TestTheScriptFetchesChecksAndStarts runs the script in a root of its own,
// with a systemctl that writes down what it is asked.
func TestTheScriptFetchesChecksAndStarts(t *testing.T) {
	const program = "#!/bin/sh\necho agent\n"
	sum := sha256.Sum256([]byte(program))
	digest := hex.EncodeToString(sum[:])
	agent := node.Upgrade{Digest: digest, SHA256: digest}
	tries := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tries++
		if r.URL.Path != node.PathAgents+agent.SHA256 {
			t.Errorf("asked for %s", r.URL.Path)
		}
		if _, err := w.Write([]byte(program)); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()

	u := userData(server.URL)
	script, err := boot.Render("debian", u, agent)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	text := string(script)
	for _, dir := range []string{"/etc/", "/usr/local/bin"} {
		text = strings.ReplaceAll(text, dir, root+dir)
	}
	for path, content := range map[string]string{
		"script":               text,
		"path/systemctl":       "#!/bin/sh\necho \"$@\" >>" + root + "/asked\n",
		"etc/systemd/x":        "",
		"etc/systemd/system/y": "",
	} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "sh", filepath.Join(root, "script"))
	cmd.Env = append(os.Environ(), "PATH="+root+"/path:"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := read(t, root+"/usr/local/bin/jeroboam-agent"); got != program || tries != 1 {
		t.Errorf("got %q after %d tries", got, tries)
	}
	var got node.UserData
	if err := json.Unmarshal([]byte(read(t, root+"/etc/jeroboam/user-data.json")), &got); err != nil || got != u {
		t.Errorf("the agent reads %+v, %v", got, err)
	}
	if info, err := os.Stat(root + "/etc/jeroboam/user-data.json"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token is open to others: %v, %v", info.Mode(), err)
	}
	if asked := read(t, root+"/asked"); asked != "daemon-reload\nenable --now --no-block jeroboam-agent\n" {
		t.Errorf("systemctl was asked %q", asked)
	}
	if unit := read(t, root+"/etc/systemd/system/jeroboam-agent.service"); !strings.Contains(unit, "/usr/local/bin/jeroboam-agent\nRestart=always\n") {
		t.Errorf("the unit is %q", unit)
	}
	if len(script) > 2048 {
		t.Errorf("%d bytes are more than a few lines", len(script))
	}
}

func TestIgnitionIsWhatItsSpecificationAllows(t *testing.T) {
	agent := node.Upgrade{Digest: strings.Repeat("ab", 32), SHA256: strings.Repeat("ab", 32)}
	u := userData("https://192.0.2.1:9512")
	for distro, path := range map[string]string{"fedora-coreos": "/usr/local/bin/jeroboam-agent", "flatcar": "/opt/bin/jeroboam-agent"} {
		text, err := boot.Render(distro, u, agent)
		if err != nil {
			t.Fatal(err)
		}
		config, report, err := ignition.Parse(text)
		if err != nil || len(report.Entries) > 0 {
			t.Fatalf("%s: %v\n%s", distro, err, report)
		}
		program := config.Storage.Files[1]
		if program.Path != path || *program.Contents.Source != "https://192.0.2.1:9512/agents/"+agent.SHA256 ||
			*program.Contents.Verification.Hash != "sha256-"+agent.SHA256 {
			t.Errorf("%s: the agent is %+v", distro, program)
		}
		if unit := config.Systemd.Units[0]; !*unit.Enabled || !strings.Contains(*unit.Contents, "ExecStart="+path+"\n") {
			t.Errorf("%s: the unit is %+v", distro, unit)
		}
	}
}

func TestMachinesElsewhereNeedAnAddress(t *testing.T) {
	for _, test := range []struct {
		gateway string
		agent   node.Upgrade
	}{
		{"unix:///run/gateway.sock", node.Upgrade{SHA256: "ab"}},
		{"", node.Upgrade{SHA256: "ab"}},
		{"https://192.0.2.1:1", node.Upgrade{}},
	} {
		_, err := boot.Render("debian", userData(test.gateway), test.agent)
		if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Invalid || e.Remedy == "" || strings.Contains(err.Error(), "the-token") {
			t.Errorf("%q: %v", test.gateway, err)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
