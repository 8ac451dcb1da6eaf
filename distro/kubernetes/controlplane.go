package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

const (
	// defaultGCPercent keeps an idle control plane some 30 MiB smaller than
	// Go's 100 does, for about a tenth of a second at the start.
	defaultGCPercent = 50
	// startGCPercent saves a tenth of the start's work.
	startGCPercent = 200
	readyPoll      = 25 * time.Millisecond
)

// settleAfter is when, after the start, freed memory is handed back to the
// system: the start needs much more than the idle process does.
var settleAfter = []time.Duration{3 * time.Second, 10 * time.Second, 30 * time.Second}

func controlPlaneCommand() *cobra.Command {
	var path string
	command := &cobra.Command{
		Use:          "controlplane --config FILE",
		Short:        "etcd, API server, controller manager and scheduler in one process",
		SilenceUsage: true,
		Args:         cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := LoadConfig(path)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			return c.Run(ctx)
		},
	}
	command.Flags().StringVar(&path, "config", "", "configuration file, YAML or JSON")
	if err := command.MarkFlagRequired("config"); err != nil {
		panic(err)
	}
	return command
}

// Run starts the components one after the other, each when the one before it
// is ready, and stops them in the opposite order when ctx ends or one of them
// fails. It returns nil after an asked-for stop.
func (c Config) Run(ctx context.Context) error {
	setGC(startGCPercent)
	parts, err := c.components()
	if err != nil {
		return err
	}
	running := newStack()
	defer running.stop()
	for _, p := range parts {
		if err := running.start(ctx, p); err != nil {
			return unlessStopped(ctx, err)
		}
	}
	klog.InfoS("control plane is up")
	setGC(cmp.Or(c.GCPercent, defaultGCPercent))
	return unlessStopped(ctx, running.watch(ctx))
}

// setGC sets how much garbage is tolerated, unless the environment decides.
func setGC(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// watch gives memory back while things settle and returns the first failure,
// or ctx's error when it ends.
func (s *stack) watch(ctx context.Context) error {
	for _, d := range settleAfter {
		timer := time.NewTimer(d)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-s.failed:
			return err
		case <-timer.C:
			debug.FreeOSMemory()
		}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-s.failed:
		return err
	}
}

// unlessStopped is err, or nil when the stop was asked for.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// readyz waits until the API server that the kubeconfig at path names is
// ready: role bindings are there, so the other components may start.
func readyz(ctx context.Context, path string) error {
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return fmt.Errorf("kubeconfig: %w", err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return fmt.Errorf("kubeconfig %s: %w", path, err)
	}
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	for !answersOK(ctx, client, config.Host+"/readyz") {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return nil
}

func answersOK(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}
