package local

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/cgroup"
	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/proxy"
)

// EnsureBalancer implements cloud.Balancers: a process in a network namespace
// of its own on the cluster's bridge.
func (l *Local) EnsureBalancer(ctx context.Context, scope cloud.Scope, spec cloud.BalancerSpec) (cloud.Balancer, error) {
	if err := checkNames(scope.Cluster, spec.Name); err != nil {
		return cloud.Balancer{}, err
	}
	defer l.locks.lock(scope.Cluster + "/balancer/" + spec.Name)()
	record, network, err := l.recordAddress(balancerKind.at(spec.Address), scope, spec.Name)
	if err != nil {
		return cloud.Balancer{}, err
	}
	if err := l.runBalancer(ctx, record, network, spec); err != nil {
		return cloud.Balancer{}, failed("balancer", "The balancer "+spec.Name+" could not be started on this host.", err)
	}
	return cloud.Balancer{CloudID: spec.Name, Address: record.Address.String()}, nil
}

// FindBalancer implements cloud.Balancers. Its process may be about to be started.
func (l *Local) FindBalancer(_ context.Context, scope cloud.Scope, name string) (cloud.Balancer, error) {
	record, err := l.findAddress(balancerKind, scope, name)
	if err != nil {
		return cloud.Balancer{}, err
	}
	return cloud.Balancer{CloudID: name, Address: record.Address.String()}, nil
}

// runBalancer writes the config and sees to it that a process obeys it.
func (l *Local) runBalancer(ctx context.Context, record addressRecord, network networkRecord, spec cloud.BalancerSpec) error {
	dir := l.dirOf(balancerKind, record.Scope.Cluster, record.Name)
	config := proxy.Config{Listen: hostPort(record.Address.String(), spec.Port)}
	for _, backend := range spec.Backends {
		config.Backends = append(config.Backends, hostPort(backend, spec.Port))
	}
	if err := config.Save(filepath.Join(dir, proxy.ConfigFile)); err != nil {
		return diskFailed(err)
	}
	return l.startBalancer(ctx, record, network)
}

// startBalancer has the balancer's process read its config, or starts one.
func (l *Local) startBalancer(ctx context.Context, record addressRecord, network networkRecord) error {
	dir := l.dirOf(balancerKind, record.Scope.Cluster, record.Name)
	lock, err := lockFile(ctx, filepath.Join(dir, launchLock))
	if err != nil {
		return err
	}
	defer lock.Close()
	if id := l.processOf(dir); id.Alive() {
		return id.Signal(unix.SIGHUP)
	}
	if link, err := findLink(network.Bridge); link == nil || err != nil {
		if err := l.remakeNetwork(ctx, network); err != nil {
			return err
		}
	}
	group := l.groupOf(balancerKind, record.Scope.Cluster, record.Name)
	if err := l.groups.Make(group, cgroup.Limits{}); err != nil {
		return err
	}
	_, err = l.start(child{
		args: []string{CommandBalancer, dir, group}, dir: dir, lock: lock,
		cable: cable{bridge: network.Bridge, name: l.balancerCable(record.Scope.Cluster, record.Name), tag: l.tag(record.Scope.Cluster, record.Name),
			address: record.Address, gateway: network.Gateway},
	})
	if err == nil {
		l.changed.send()
	}
	return err
}

// reviveBalancer starts a balancer again that has died. One that was deleted in
// the meantime, or has no config yet, is let be.
func (l *Local) reviveBalancer(ctx context.Context, cluster, name string) error {
	defer l.locks.lock(cluster + "/balancer/" + name)()
	network, found, err := readRecord[networkRecord](l.networkFile(cluster))
	if err != nil || !found {
		return err
	}
	dir := l.dirOf(balancerKind, cluster, name)
	record, found, err := readRecord[addressRecord](l.recordOf(balancerKind, cluster, name))
	if err != nil || !found {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, proxy.ConfigFile)); err != nil {
		return nil
	}
	return l.startBalancer(ctx, record, network)
}

func (l *Local) balancerCable(cluster, name string) string {
	return l.deviceName("jv", cluster+"/"+name, 0)
}

func hostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

func (l *Local) deleteBalancer(ctx context.Context, cluster, name string) error {
	defer l.locks.lock(cluster + "/balancer/" + name)()
	return l.deleteRunning(ctx, balancerKind, cluster, name, l.balancerCable(cluster, name))
}
