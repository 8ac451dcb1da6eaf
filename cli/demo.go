package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/cli/daemon"
	"github.com/jeroboam-cloud/jeroboam/client"
)

// The demo: fixed names, so that scripts can rely on them.
const (
	demoCOE      = "kubernetes"
	demoTemplate = "kubernetes"
	demoCluster  = "demo"
	demoUser     = "demo" // and the name of the user's project
	demoImage    = "host"
	demoFlavor   = "m1.medium"
	demoMasters  = 1
	demoNodes    = 2
)

func (a *app) up() *cobra.Command {
	return &cobra.Command{
		Use:   "up",
		Short: "Start the service on this host and make a demo cluster",
		Long: "Start the service on this host, unless it runs, and make a Kubernetes cluster \"demo\" of one\n" +
			"control-plane node and two workers with a small web service on it. State is kept in\n" +
			"$JEROBOAM_STATE (default .state). What is there already is left as it is.",
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error { return a.runUp(c.Context()) },
	}
}

func (a *app) runUp(ctx context.Context) error {
	begun := time.Now()
	if err := a.ensureService(ctx); err != nil {
		return err
	}
	s, err := a.demoClient(ctx)
	if err != nil {
		return err
	}
	if err := a.ensureTemplate(ctx, s); err != nil {
		return err
	}
	c, err := a.ensureCluster(ctx, s)
	if err != nil {
		return err
	}
	body, err := a.ensureWeb(ctx, s, c)
	if err != nil {
		return err
	}
	a.farewell(c, body, time.Since(begun))
	return nil
}

// say tells a step of up or down.
func (a *app) say(format string, args ...any) { fmt.Fprintf(a.stderr, "==> "+format+"\n", args...) }

// daemon is the service of this host that up and down are about.
func (a *app) daemon() daemon.Daemon { return daemon.Daemon{State: a.state} }

func (a *app) ensureService(ctx context.Context) error {
	on, err := a.daemon().Running()
	if err != nil {
		return err
	}
	if on {
		a.say("The service runs at %s.", a.daemon().Endpoint())
		return nil
	}
	a.say("Starting the service; its log is %s", a.statePath(daemon.LogFile))
	return a.daemon().Start(ctx)
}

func (a *app) ensureTemplate(ctx context.Context, s *client.Client) error {
	_, err := s.Template(ctx, demoTemplate)
	if jeroboam.KindOf(err) != jeroboam.NotFound {
		return err
	}
	a.say("Making the template %s", demoTemplate)
	_, err = s.CreateTemplate(ctx, wire.TemplateCreate{
		Name: demoTemplate, COE: demoCOE, ImageID: demoImage, FlavorID: demoFlavor, MasterFlavorID: demoFlavor, Public: true,
	})
	return err
}

// ensureCluster makes the cluster, or goes on watching one that is being made.
func (a *app) ensureCluster(ctx context.Context, s *client.Client) (wire.Cluster, error) {
	c, err := s.Cluster(ctx, demoCluster)
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		a.say("Making the cluster %s: %s, %s", demoCluster, plural(demoMasters, "control-plane node"), plural(demoNodes, "worker"))
		masters, nodes := demoMasters, demoNodes
		_, err = s.CreateCluster(ctx, wire.ClusterCreate{
			Name: demoCluster, ClusterTemplateID: demoTemplate, MasterCount: &masters, NodeCount: &nodes,
		})
		if err == nil {
			c, err = s.Cluster(ctx, demoCluster)
		}
	}
	if err != nil {
		return c, err
	}
	if c.Status.InProgress() {
		if err := a.follow(ctx, s, c.UUID, 10*time.Minute); err != nil {
			return c, err
		}
		if c, err = s.Cluster(ctx, c.UUID); err != nil {
			return c, err
		}
	}
	if c.Status.Resting() {
		return c, nil
	}
	return c, jeroboam.Errorf(jeroboam.Conflict, "demo", "The cluster %s is %s: %s", c.Name, c.Status, text(c.StatusReason)).
		WithRemedy("Look with \"jeroboam cluster operations %s\"; begin again with \"jeroboam down\".", c.Name)
}

// ensureWeb makes the kubeconfig and the web service, unless both are there and
// answer, and returns what the service says.
func (a *app) ensureWeb(ctx context.Context, s *client.Client, c wire.Cluster) (string, error) {
	if len(c.NodeAddresses) == 0 {
		return "", jeroboam.Errorf(jeroboam.Internal, "demo", "The cluster %s has no node with an address.", c.Name)
	}
	config, url := a.statePath("kubeconfig"), webURL(c.NodeAddresses[0])
	if _, err := os.Stat(config); err == nil {
		if body, err := daemon.Get(ctx, url); err == nil {
			return body, nil
		}
	}
	made, err := newKubeconfig(ctx, s, c.UUID, subject{"admin", []string{"system:masters"}}, "")
	if err != nil {
		return "", err
	}
	if err := writePrivate(config, made); err != nil {
		return "", err
	}
	program, image, err := a.bundleOf(text(c.COEVersion))
	if err != nil {
		return "", err
	}
	a.say("Deploying a small web service on it")
	if err := (kubectl{program, config}).deployWeb(ctx, image); err != nil {
		return "", err
	}
	body, err := daemon.Answer(ctx, url, 30*time.Second)
	if err != nil {
		return "", jeroboam.Errorf(jeroboam.Unavailable, "demo", "The web service does not answer at %s.", url).
			WithRemedy("Look with: kubectl --kubeconfig %s get pods -A -o wide.", config).Wrap(err)
	}
	return body, nil
}

// farewell tells what to type next.
func (a *app) farewell(c wire.Cluster, body string, took time.Duration) {
	state, err := filepath.Abs(a.state)
	if err != nil {
		state = a.state
	}
	self := a.program()
	fmt.Fprintf(a.stdout, `
The cluster %s is up (%.1f s). Its web service says:
  %s

Next:
  export KUBECONFIG=%s/kubeconfig
  kubectl get nodes                      # bin/kubectl, if you have none
  curl %s
  %s cluster list
  %s cluster resize %s 3 --wait
  %s cluster create another --template %s --nodes 1 --wait

From an OpenStack client:
  . %s/openrc
or
  export OS_CLIENT_CONFIG_FILE=%s/clouds.yaml OS_CLOUD=jeroboam

Take it all away again:
  make down
`, c.Name, took.Seconds(), body, state, webURL(c.NodeAddresses[0]), self, self, c.Name, self, demoTemplate, state, state)
}

// program is how the user would type this program's name.
func (a *app) program() string {
	self, err := os.Executable()
	if err != nil {
		return "jeroboam"
	}
	here, err := os.Getwd()
	if err != nil {
		return self
	}
	if short, err := filepath.Rel(here, self); err == nil && !strings.HasPrefix(short, "..") {
		return short
	}
	return self
}

func (a *app) down() *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Delete every cluster of this host, stop the service and remove every trace of both",
		Args:  exactly(),
		RunE:  func(c *cobra.Command, _ []string) error { return a.runDown(c.Context()) },
	}
}

func (a *app) runDown(ctx context.Context) error {
	if _, err := os.Stat(a.state); errors.Is(err, fs.ErrNotExist) {
		a.say("Nothing is up: there is no %s.", a.state)
		return nil
	}
	if err := a.ownState(); err != nil {
		return err
	}
	if _, err := os.Stat(a.statePath(daemon.SharedFile)); err == nil {
		return jeroboam.Errorf(jeroboam.Conflict, "shared", "The service in %s shares its clusters with other servers.", a.state).
			WithRemedy("Stop it with a signal (its process is in %s), and remove the directory.", a.statePath(daemon.PIDFile))
	}
	on, err := a.daemon().Running()
	if err != nil {
		return err
	}
	if on {
		a.deleteClusters(ctx)
		a.say("Stopping the service")
		if err := a.daemon().Stop(ctx); err != nil {
			return err
		}
	}
	a.say("Removing what is left on this host, and %s", a.state)
	if err := a.host.Teardown(ctx, a.state); err != nil {
		return err
	}
	return os.RemoveAll(a.state)
}

// ownState refuses to remove a directory that no service has used.
func (a *app) ownState() error {
	entries, err := os.ReadDir(a.state)
	if err != nil {
		return jeroboam.Errorf(jeroboam.Forbidden, "state", "The state in %s cannot be read.", a.state).
			WithRemedy("Run as the user who owns it: root.").Wrap(err)
	}
	for _, e := range entries {
		if e.Name() == daemon.LockFile || e.Name() == daemon.LogFile {
			return nil
		}
	}
	if len(entries) == 0 {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Conflict, "state-foreign", "%s is no state directory of jeroboam.", a.state).
		WithRemedy("Set JEROBOAM_STATE to the one that \"jeroboam up\" used.")
}

// deleteClusters asks the service to delete all it can within a minute. What it
// cannot is removed without it.
func (a *app) deleteClusters(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	s, err := a.demoClient(ctx)
	if err != nil {
		return
	}
	all, err := s.Clusters(ctx)
	if err != nil {
		return
	}
	for _, c := range all {
		a.say("Deleting the cluster %s", c.Name)
		if err := s.DeleteCluster(ctx, c.UUID, ""); err != nil {
			continue
		}
	}
	for _, c := range all {
		if err := a.follow(ctx, s, c.UUID, time.Minute); err != nil {
			report(a.stderr, err)
		}
	}
}

// demoClient calls the service as the demo's user, who is made if there is none.
func (a *app) demoClient(ctx context.Context) (*client.Client, error) {
	file := a.statePath(cloudsFile)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		who := User{Name: demoUser, Project: demoUser, Role: "admin"}
		if err := a.letIn(ctx, who, a.state); err != nil {
			return nil, err
		}
	}
	return clientOf(file)
}
