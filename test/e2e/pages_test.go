package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam/test/port"
)

// TestThePagesOnRealMachines types every command of the pages, in their order,
// as a newcomer would: "make up" first, "make down" last.
func TestThePagesOnRealMachines(t *testing.T) {
	if os.Getenv("JEROBOAM_TEST_REAL") != "1" {
		t.Skip("makes real clusters on this host: set JEROBOAM_TEST_REAL=1, as root, after make build")
	}
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(top, ".state")
	if _, err := os.Stat(state); err == nil {
		t.Fatalf("%s is there: take the demo away with \"make down\" first", state)
	}
	before := snapshot(t, state)
	for _, page := range []string{"README.md", "docs/getting-started.md"} {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Cleanup(func() {
				typed(t, top, "make down\nrm -f another.kubeconfig\n")
				settle(t, before, state)
			})
			out := typed(t, top, shellOf(t, filepath.Join(top, page)))
			for _, want := range []string{"The cluster demo is up", "Hello from web-", "demo-worker-1"} {
				if !strings.Contains(out, want) {
					t.Errorf("nothing printed says %q:\n%s", want, out)
				}
			}
		})
	}
}

// typed runs commands in a shell that stops at the first failure.
func typed(t *testing.T, dir, commands string) string {
	t.Helper()
	shell := exec.Command("sh", "-ex")
	shell.Dir, shell.Stdin = dir, strings.NewReader(commands)
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "JEROBOAM_") && !strings.HasPrefix(pair, "OS_") && !strings.HasPrefix(pair, "KUBECONFIG=") {
			shell.Env = append(shell.Env, pair)
		}
	}
	shell.Env = append(shell.Env, "JEROBOAM_LISTEN="+port.Address(t)) // somebody else may have a demo, or a Magnum
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

var fence = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

func shellOf(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	script := ""
	for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
		script += block[1]
	}
	if !strings.Contains(script, "make up\n") || !strings.Contains(script, "make down\n") {
		t.Fatalf("%s does not begin with make up and end with make down", page)
	}
	return script
}
