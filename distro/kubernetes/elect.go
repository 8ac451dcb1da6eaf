package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// The lease's times are those of the components' own election.
const (
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
)

var errLeaseLost = errors.New("the lease was lost")

// elected runs c only while this process holds the lease of c's name. The
// components' own election ends the process when it stops, which would take
// etcd and the API server with it before they are closed; this one gives the
// lease back after c has stopped, so that another takes over at once.
func elected(c component, kubeconfig string) func(context.Context, func()) error {
	return func(ctx context.Context, ready func()) error {
		ready() // Standing by is a good state: another holds the lease.
		lease, err := newLease(c.name, kubeconfig, "_"+string(uuid.NewUUID()), renewDeadline)
		if err != nil {
			return err
		}
		holding, release := context.WithCancel(context.WithoutCancel(ctx))
		won, lost := make(chan struct{}), make(chan struct{})
		elector, err := newElector(lease, won)
		if err != nil {
			release()
			return err
		}
		go func() {
			defer close(lost)
			elector.Run(holding)
		}()
		defer func() {
			release()
			<-lost
		}()
		return whileHeld(ctx, c, won, lost)
	}
}

// whileHeld waits for the lease, then runs c until it ends or the lease is lost.
func whileHeld(ctx context.Context, c component, won, lost <-chan struct{}) error {
	select {
	case <-won:
	case <-lost:
		return errLeaseLost
	case <-ctx.Done():
		return ctx.Err()
	}
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- c.run(work, func() {}) }()
	select {
	case err := <-ended:
		return err
	case <-lost:
		return errLeaseLost
	}
}

func newElector(lease resourcelock.Interface, won chan<- struct{}) (*leaderelection.LeaderElector, error) {
	return leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:            lease,
		LeaseDuration:   leaseDuration,
		RenewDeadline:   renewDeadline,
		RetryPeriod:     retryPeriod,
		ReleaseOnCancel: true,
		Name:            lease.Describe(),
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(won) },
			OnStoppedLeading: func() {},
		},
	})
}

// newLease is the lease of a name in kube-system, for a holder called like the
// host and what follows.
func newLease(name, kubeconfig, suffix string, deadline time.Duration) (resourcelock.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	identity := resourcelock.ResourceLockConfig{Identity: host + suffix}
	return resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, "kube-system", name, identity, config, deadline)
}
