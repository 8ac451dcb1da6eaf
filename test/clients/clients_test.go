// Package clients drives the service with the programs that people have: Debian's
// openstack and magnum, the openstacksdk, and what Horizon's panel sends. Their
// transcripts in testdata say every command with what it answers.
package clients

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clusters"
	"sigs.k8s.io/yaml"

	"github.com/jeroboam-cloud/jeroboam/test/served"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

var rewrite = flag.Bool("update", false, "write the transcripts in testdata anew")

// TestTranscripts plays each transcript against a service of its own with users
// of its own.
func TestTranscripts(t *testing.T) {
	wanted(t)
	playAll(t, func(t *testing.T) site {
		s := served.Start(t, nil)
		return site{s.URL, s.User("alice", "physics", "member"), s.User("boss", "ops", "admin")}
	})
}

// each client in one transcript shows how it logs in.
var each = []string{"magnum-cluster", "openstack-cluster", "panel", "sdk"}

// TestTranscriptsWithARealKeystone plays the same with the users of the testbed,
// one for each client with -short.
func TestTranscriptsWithARealKeystone(t *testing.T) {
	k := testbed.Start(t)
	playAll(t, func(t *testing.T) site {
		if !slices.Contains(each, path.Base(t.Name())) {
			testbed.Long(t)
		}
		k := *k
		k.T = t
		project, ops := k.Members[0].Project, k.Operator.Project
		alice, boss := k.User(project, "member"), k.User(ops, "admin")
		s := k.Serve(nil)
		region := k.Register(s.URL)
		return site{s.URL, served.CloudIn(k.URL, region, alice.Name, alice.Password, project),
			served.CloudIn(k.URL, region, boss.Name, boss.Password, ops)}
	})
}

// wanted skips a test that takes the clients' time, unless it is wished for.
func wanted(t *testing.T) {
	t.Helper()
	if os.Getenv("JEROBOAM_TEST_CLIENTS") != "1" {
		t.Skip("starts OpenStack's clients a hundred times: set JEROBOAM_TEST_CLIENTS=1, after make test-packages build-programs")
	}
}

// site is a service and two who call it.
type site struct {
	url   string
	alice served.Cloud // a member of a project
	boss  served.Cloud // an administrator of another
}

func playAll(t *testing.T, open func(*testing.T) site) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			play(t, readTranscript(t, file), newPlayer(t, open(t)))
		})
	}
}

func play(t *testing.T, want transcript, p *player) {
	for i := range want.parts {
		command, ok := want.parts[i].command()
		if !ok {
			continue
		}
		says := p.run(command)
		if *rewrite {
			want.parts[i].says = says
		} else if says != want.parts[i].says {
			t.Fatalf("$ %s\n--- says ---\n%s\n--- and should say ---\n%s", command, says, want.parts[i].says)
		}
	}
	if *rewrite && !t.Failed() {
		if err := want.write(); err != nil {
			t.Fatal(err)
		}
	}
}

// player runs commands one after another, in a directory of their own, as alice
// or, with OS_CLOUD=boss before them, as the administrator.
type player struct {
	*testing.T
	dir      string
	env      []string
	disguise *disguise
	client   *gophercloud.ServiceClient // the administrator's
}

func newPlayer(t *testing.T, s site) *player {
	p := &player{T: t, dir: t.TempDir()}
	clouds, err := yaml.Marshal(served.Clouds{Clouds: map[string]served.Cloud{"alice": s.alice, "boss": s.boss}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "clouds.yaml"), clouds, 0o600); err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	// The clients are the distribution's, and so is their Python. The older one
	// does not take the region from clouds.yaml.
	p.env = []string{"PATH=/usr/bin:/bin", "HOME=" + p.dir, "OS_CLIENT_CONFIG_FILE=clouds.yaml", "OS_CLOUD=alice", "OS_REGION_NAME=" + s.alice.Region, "SHELL=/bin/sh",
		"LANG=C.UTF-8", "PYTHONHASHSEED=0", "SCRIPTS=" + scripts, "URL=" + s.url}
	p.disguise = &disguise{given: map[string]string{}, count: map[string]int{},
		fixed: strings.NewReplacer(p.dir, "DIRECTORY", s.url, "URL")}
	p.client = login(t, s)
	return p
}

func login(t *testing.T, s site) *gophercloud.ServiceClient {
	t.Helper()
	a := s.boss.Auth
	provider, err := openstack.AuthenticatedClient(t.Context(), gophercloud.AuthOptions{
		IdentityEndpoint: a.URL, Username: a.Username, Password: a.Password, DomainID: a.UserDomainID,
		Scope: &gophercloud.AuthScope{ProjectName: a.Project, DomainID: a.ProjectDomainID},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(provider.HTTPClient.CloseIdleConnections)
	return &gophercloud.ServiceClient{ProviderClient: provider, Endpoint: s.url + "/v1/", Type: "container-infra"}
}

// run is the disguised output of a command of the shell, or of "wait".
func (p *player) run(command string) string {
	p.Helper()
	if words := strings.Fields(command); words[0] == "wait" {
		p.wait(words[1], words[2:])
		return ""
	}
	ctx, stop := context.WithTimeout(p.Context(), 2*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	cmd.Dir, cmd.Env = p.dir, p.env
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || ctx.Err() != nil {
		p.Fatalf("%s: %v\n%s", command, err, out)
	}
	says := p.disguise.on(string(out))
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		says = strings.TrimPrefix(fmt.Sprintf("%s\n[exit %d]", says, code), "\n")
	}
	return says
}

// wait lasts until the cluster has the state, and the health if one is given;
// "wait c1 gone" until it is no more.
func (p *player) wait(name string, want []string) {
	p.Helper()
	served.Eventually(p, name+" is "+strings.Join(want, " "), func() bool {
		c, err := clusters.Get(p.Context(), p.client, name).Extract()
		if gophercloud.ResponseCodeIs(err, http.StatusNotFound) && want[0] == "gone" {
			return true
		}
		if err != nil {
			p.Fatal(err)
		}
		return c.Status == want[0] && (len(want) < 2 || c.HealthStatus == want[1])
	})
}

// TestEveryCommandIsInATranscript asks the installed clients which commands and
// options they have.
func TestEveryCommandIsInATranscript(t *testing.T) {
	wanted(t)
	out, err := exec.Command("/usr/bin/python3", "testdata/commands.py").Output()
	if err != nil {
		t.Fatal(err)
	}
	var missing map[string][]string // of a command, those of its options
	if err := json.Unmarshal(out, &missing); err != nil || len(missing) < 40 {
		t.Fatalf("%d commands: %v", len(missing), err)
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, file := range files {
		for _, p := range readTranscript(t, file).parts {
			if command, ok := p.command(); ok {
				note(used, missing, command)
			}
		}
	}
	for command, options := range missing {
		for _, option := range append(options, "") {
			if use := strings.TrimSpace(command + " " + option); !used[use] {
				t.Errorf("no transcript uses %s", use)
			}
		}
	}
}

// note marks the client's command, the longest that fits, and its options.
func note(used map[string]bool, commands map[string][]string, line string) {
	found := ""
	for name := range commands {
		if strings.Contains(" "+line+" ", " "+name+" ") && len(name) > len(found) {
			found = name
		}
	}
	used[found] = true
	for _, word := range strings.Fields(strings.ReplaceAll(line, ";", " ")) {
		if option, _, _ := strings.Cut(word, "="); strings.HasPrefix(option, "--") {
			used[found+" "+option] = true
		}
	}
}
