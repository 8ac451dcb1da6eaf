package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// Teardown removes every trace of the local cloud whose service has this state
// directory: processes, control groups, network devices, packet filter and the
// folder "local". It needs no readable record and no running service.
func Teardown(ctx context.Context, state string) error {
	l, err := New(Options{State: state})
	if err != nil {
		return err
	}
	scopes, err := l.Clusters(ctx)
	errs := []error{err}
	for _, scope := range scopes {
		errs = append(errs, l.sweep(ctx, scope.Cluster))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := l.sweepHost(ctx); err != nil {
		return err
	}
	return failed("disk", "The directory "+l.dir+" could not be removed.", os.RemoveAll(l.dir))
}

// sweep removes a cluster by all that is known of it, records or not.
func (l *Local) sweep(ctx context.Context, cluster string) error {
	scope := cloud.Scope{Cluster: cluster}
	objects, err := l.List(ctx, scope)
	errs := []error{err}
	for _, object := range objects {
		errs = append(errs, l.Delete(ctx, scope, object))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	defer l.locks.lock(cluster)()
	if err := l.groups.Remove(ctx, l.group(cluster)); err != nil {
		return failed("cgroups", "The control groups of the cluster could not be removed.", err)
	}
	if err := l.deleteNetwork(ctx, cluster); err != nil {
		return err
	}
	return failed("disk", "The records of the cluster could not be removed.", os.RemoveAll(l.clusterDir(cluster)))
}

// sweepHost removes what belongs to no cluster.
func (l *Local) sweepHost(ctx context.Context) error {
	unlock, err := l.lockHost(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := l.groups.Remove(ctx, l.group()); err != nil {
		return failed("cgroups", "The control groups of the service could not be removed.", err)
	}
	if err := os.RemoveAll(filepath.Join(l.dir, "clusters")); err != nil {
		return diskFailed(err)
	}
	if err := l.applyRules(ctx); err != nil {
		return failed("network", "The packet filter could not be removed.", err)
	}
	return failed("network", "The host's forwarding could not be set back.", leaveHost())
}
