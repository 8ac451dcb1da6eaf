package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage/wal"
	cliflag "k8s.io/component-base/cli/flag"
	basecompatibility "k8s.io/component-base/compatibility"
	logsapi "k8s.io/component-base/logs/api/v1"
	apiserveroptions "k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	kcm "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kcmoptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

// walSegmentBytes is how much etcd preallocates per file of its log, of which
// there are two at once. Its own 64 MB is 128 MB of disk for an empty cluster.
const walSegmentBytes = 8 << 20

// components are the parts of the control plane in the order they start.
// Every flag has been parsed when it returns.
func (c Config) components() ([]component, error) {
	api, err := apiServer(c.APIServer, c.kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("apiserver: %w", err)
	}
	controllers, err := controllerManager(c.ControllerManager)
	if err != nil {
		return nil, fmt.Errorf("controllerManager: %w", err)
	}
	scheduling, err := kubeScheduler(c.Scheduler)
	if err != nil {
		return nil, fmt.Errorf("scheduler: %w", err)
	}
	if c.LeaderElect {
		controllers.run = elected(controllers, c.kubeconfig())
		scheduling.run = elected(scheduling, flagValue(c.Scheduler, "kubeconfig"))
	}
	parts := []component{api, controllers, scheduling}
	if c.VirtualAddress != nil { // the first to stop: another node's API server takes over
		parts = append(parts, c.VirtualAddress.component())
	}
	if c.Etcd == "" {
		return parts, nil
	}
	return append([]component{etcd(c.Etcd)}, parts...), nil
}

func (c Config) kubeconfig() string { return flagValue(c.ControllerManager, "kubeconfig") }

// etcd is ready when its cluster has a quorum, for which it waits without a
// limit: the other members may be slow to come.
func etcd(path string) component {
	return component{name: "etcd", grace: time.Second, run: func(ctx context.Context, ready func()) error {
		config, err := embed.ConfigFromFile(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		wal.SegmentSizeBytes = walSegmentBytes
		server, err := embed.StartEtcd(config)
		if err != nil {
			return err
		}
		defer closeEtcd(server)
		return serveEtcd(ctx, server, ready)
	}}
}

// closeEtcd hands the leadership over and closes the data before it waits for
// clients to leave, which etcd's own order does first and for seconds.
func closeEtcd(server *embed.Etcd) {
	server.Server.Stop()
	server.Close()
}

func serveEtcd(ctx context.Context, server *embed.Etcd, ready func()) error {
	quorum := server.Server.ReadyNotify()
	for {
		select {
		case <-quorum:
			ready()
			quorum = nil
		case <-ctx.Done():
			return ctx.Err()
		case <-server.Server.StopNotify():
			return fmt.Errorf("the member was stopped or removed")
		case err := <-server.Err():
			return err
		}
	}
}

// apiServer is ready when it says so itself to the holder of the kubeconfig.
func apiServer(args []string, kubeconfig string) (component, error) {
	s := apiserveroptions.NewServerRunOptions()
	if err := parse(s.Flags(), args); err != nil {
		return component{}, err
	}
	registry := s.GenericServerRunOptions.ComponentGlobalsRegistry
	if err := registry.Set(); err != nil {
		return component{}, err
	}
	// Logging belongs to the process, and the first component decides it.
	if err := logsapi.ValidateAndApply(s.Logs, registry.FeatureGateFor(basecompatibility.DefaultKubeComponent)); err != nil {
		return component{}, err
	}
	return component{name: "kube-apiserver", grace: 1500 * time.Millisecond, run: func(ctx context.Context, ready func()) error {
		options, err := s.Complete(ctx)
		if err != nil {
			return err
		}
		if errs := options.Validate(); len(errs) > 0 {
			return fmt.Errorf("flags: %v", errs)
		}
		go announce(ctx, kubeconfig, ready)
		return runAPIServer(ctx, options)
	}}, nil
}

func announce(ctx context.Context, kubeconfig string, ready func()) {
	if err := readyz(ctx, kubeconfig); err == nil {
		ready()
	}
}

func controllerManager(args []string) (component, error) {
	s, err := kcmoptions.NewKubeControllerManagerOptions()
	if err != nil {
		return component{}, err
	}
	flags := s.Flags(kcm.KnownControllers(), kcm.ControllersDisabledByDefault(), kcm.ControllerAliases())
	s.ParsedFlags = &flags
	if err := parse(flags, append(args, "--leader-elect=false")); err != nil {
		return component{}, err
	}
	if err := s.ComponentGlobalsRegistry.Set(); err != nil {
		return component{}, err
	}
	return component{name: "kube-controller-manager", grace: 500 * time.Millisecond, run: func(ctx context.Context, ready func()) error {
		config, err := s.Config(ctx, kcm.KnownControllers(), kcm.ControllersDisabledByDefault(), kcm.ControllerAliases())
		if err != nil {
			return err
		}
		ready()
		return kcm.Run(ctx, config.Complete())
	}}, nil
}

func kubeScheduler(args []string) (component, error) {
	s := scheduleroptions.NewOptions()
	if err := parse(*s.Flags, append(args, "--leader-elect=false")); err != nil {
		return component{}, err
	}
	if err := s.ComponentGlobalsRegistry.Set(); err != nil {
		return component{}, err
	}
	return component{name: "kube-scheduler", grace: 500 * time.Millisecond, run: func(ctx context.Context, ready func()) error {
		config, scheduling, err := scheduler.Setup(ctx, s)
		if err != nil {
			return err
		}
		ready()
		return scheduler.Run(ctx, config, scheduling)
	}}, nil
}

// parse reads a component's flags; anything that is no flag is an error.
func parse(sets cliflag.NamedFlagSets, args []string) error {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	all.SetNormalizeFunc(cliflag.WordSepNormalizeFunc)
	for _, set := range sets.FlagSets {
		all.AddFlagSet(set)
	}
	if err := all.Parse(args); err != nil {
		return err
	}
	if all.NArg() > 0 {
		return fmt.Errorf("%q is not a flag", all.Arg(0))
	}
	return nil
}
