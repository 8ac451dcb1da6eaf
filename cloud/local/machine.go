package local

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/inside"
	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/process"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// group names a control group of ours: none for the instance's own, a cluster's,
// or that of a machine or balancer in it.
func (l *Local) group(parts ...string) string {
	return filepath.Join(append([]string{"jeroboam-" + l.instance}, parts...)...)
}

// EnsureMachine implements cloud.Cloud. A machine that runs is left as it is, one that
// is recorded but does not run is started with its old disk and address.
func (l *Local) EnsureMachine(ctx context.Context, scope cloud.Scope, spec cloud.MachineSpec) (cloud.Machine, error) {
	if err := checkNames(scope.Cluster, spec.ID, spec.Name); err != nil {
		return cloud.Machine{}, err
	}
	defer l.locks.lock(scope.Cluster + "/" + spec.ID)()
	record, network, err := l.recordMachine(scope, spec)
	if err != nil {
		return cloud.Machine{}, err
	}
	if err := l.runMachine(ctx, record, network, spec.UserData); err != nil {
		return cloud.Machine{}, failed("machine", "The machine "+spec.Name+" could not be started on this host.", err)
	}
	return l.machine(record), nil
}

func (l *Local) recordMachine(scope cloud.Scope, spec cloud.MachineSpec) (machineRecord, networkRecord, error) {
	return ensureRecord(l, machineKind, scope, spec.ID, func(address netip.Addr) machineRecord {
		return machineRecord{Scope: scope, ID: spec.ID, Name: spec.Name, Role: spec.Role, Address: address, Flavor: spec.Flavor}
	})
}

// runMachine returns when the machine's agent has been executed.
func (l *Local) runMachine(ctx context.Context, record machineRecord, network networkRecord, userData func() ([]byte, error)) error {
	dir := l.dirOf(machineKind, record.Scope.Cluster, record.ID)
	if l.processOf(dir).Alive() && !launching(dir) {
		return nil
	}
	// A launcher of a service that was killed holds the lock until it is done.
	lock, err := lockFile(ctx, filepath.Join(dir, launchLock))
	if err != nil {
		return err
	}
	defer lock.Close()
	if l.processOf(dir).Alive() {
		return nil
	}
	if err := l.prepareMachine(ctx, dir, record, network, userData); err != nil {
		return err
	}
	if link, err := findLink(network.Bridge); link == nil || err != nil { // the host was started anew
		if err := l.remakeNetwork(ctx, network); err != nil {
			return err
		}
	}
	begin := time.Now()
	id, err := l.start(child{
		args: []string{CommandMachine, dir}, dir: dir, lock: lock, namespaces: machineNamespaces,
		cable: cable{bridge: network.Bridge, name: l.machineCable(record.ID), tag: l.tag(record.Scope.Cluster, record.ID),
			address: record.Address, gateway: network.Gateway},
	})
	if err != nil {
		return errors.Join(err, faultOf(dir))
	}
	l.log.Info("machine started", "cluster", record.Scope.Cluster, "machine", record.Name, "pid", id.PID, "dur", time.Since(begin))
	l.changed.send()
	return nil
}

func (l *Local) remakeNetwork(ctx context.Context, network networkRecord) error {
	defer l.locks.lock(network.Scope.Cluster)()
	unlock, err := l.lockHost(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return l.makeNetwork(ctx, network)
}

// prepareMachine makes all a machine needs but its processes and its network.
func (l *Local) prepareMachine(ctx context.Context, dir string, record machineRecord, network networkRecord, userData func() ([]byte, error)) error {
	for _, name := range inside.Directories() {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return diskFailed(err)
		}
	}
	path := filepath.Join(dir, userDataFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		data, err := userData()
		if err != nil {
			return err
		}
		if err := writeFile(path, data); err != nil {
			return err
		}
	}
	group := l.groupOf(machineKind, record.Scope.Cluster, record.ID)
	if err := l.groups.Remove(ctx, group); err != nil { // of the machine's last life
		return err
	}
	if err := l.groups.Make(group, limitsOf(record)); err != nil {
		return err
	}
	config, err := json.Marshal(l.launchConfig(dir, record, network))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, inside.ConfigFile), config, 0o600); err != nil {
		return diskFailed(err)
	}
	return nil
}

func (l *Local) launchConfig(dir string, record machineRecord, network networkRecord) inside.Config {
	group := l.groupOf(machineKind, record.Scope.Cluster, record.ID)
	return inside.Config{
		Hostname: record.Name, UUID: record.ID, Address: record.Address.String(),
		Cgroup: group, CPUs: l.groups.Online(group, record.Flavor.VCPUs), MemoryMB: record.Flavor.MemoryMB,
		Agent: l.options.AgentPath, GatewayDir: l.options.GatewayDir, BundleDir: l.options.BundleDir,
		BundleRoot: node.BundleRoot, UserData: filepath.Join(dir, userDataFile), Nameserver: network.DNS,
		Hidden: []string{l.options.State},
	}
}

// Files of a machine's directory, besides those of package inside.
const (
	userDataFile = "user-data.json"
	launchLock   = "launch.lock"
)

// Machines implements cloud.Cloud.
func (l *Local) Machines(_ context.Context, scope cloud.Scope) ([]cloud.Machine, error) {
	if err := checkNames(scope.Cluster); err != nil {
		return nil, err
	}
	records, err := l.machineRecords(scope.Cluster)
	if err != nil {
		return nil, err
	}
	machines := make([]cloud.Machine, len(records))
	for i, record := range records {
		machines[i] = l.machine(record)
	}
	return machines, nil
}

// machine is what the kernel says of a recorded machine.
func (l *Local) machine(record machineRecord) cloud.Machine {
	dir := l.dirOf(machineKind, record.Scope.Cluster, record.ID)
	m := cloud.Machine{ID: record.ID, CloudID: record.ID, Name: record.Name, Address: record.Address.String(), State: cloud.Stopped}
	switch {
	case launching(dir):
		m.State = cloud.Building
	case l.processOf(dir).Alive():
		m.State = cloud.Active
	default:
		if fault := faultOf(dir); fault != nil {
			m.State, m.Fault = cloud.Faulty, jeroboam.CauseOf(fault)
		}
	}
	return m
}

func (l *Local) processOf(dir string) process.ID {
	return process.Load(filepath.Join(dir, inside.ProcessFile))
}

// launching reports whether a launcher is at work in the directory.
func launching(dir string) bool {
	path := filepath.Join(dir, launchLock)
	if _, err := os.Stat(path); err != nil {
		return false
	}
	lock, err := tryLock(path)
	if lock != nil {
		lock.Close()
	}
	return lock == nil && err == nil
}

// faultOf says why the machine's last start failed, nil if it did not.
func faultOf(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, inside.FaultFile))
	if err != nil || len(text) == 0 {
		return nil
	}
	fault := jeroboam.Errorf(jeroboam.Unavailable, "machine-start", "The machine could not be started on this host: %s.", strings.TrimSpace(string(text)))
	return fault.WithRemedy("Run jeroboam doctor: it says what this host lacks.")
}

// deleteMachine powers the machine off and removes all of it. Its record goes
// last, so that a crash leaves something to find.
func (l *Local) deleteMachine(ctx context.Context, cluster, id string) error {
	defer l.locks.lock(cluster + "/" + id)()
	return l.deleteRunning(ctx, machineKind, cluster, id, l.machineCable(id))
}

func (l *Local) machineCable(id string) string { return l.deviceName("jv", id, 0) }

// deleteRunning stops what runs, takes its cable off and removes its directory.
func (l *Local) deleteRunning(ctx context.Context, k kind, cluster, name, cable string) error {
	dir := l.dirOf(k, cluster, name)
	if _, err := os.Stat(dir); err == nil {
		lock, err := lockFile(ctx, filepath.Join(dir, launchLock))
		if err != nil {
			return failed(k.name, "The "+k.name+" is being started by another process.", err)
		}
		defer lock.Close()
	}
	err := l.powerOff(ctx, dir, l.groupOf(k, cluster, name))
	if err == nil {
		err = deleteLink(cable)
	}
	if err != nil {
		return failed(k.name, "The "+k.name+" could not be stopped.", err)
	}
	return removeRecorded(dir, k.file())
}

// powerOff kills what runs in the directory's machine or balancer, and its group.
func (l *Local) powerOff(ctx context.Context, dir, group string) error {
	if err := l.processOf(dir).Kill(ctx); err != nil {
		return err
	}
	return l.groups.Remove(ctx, group)
}

// removeRecorded removes a directory, the record in it last.
func removeRecorded(dir, record string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return diskFailed(err)
	}
	for _, entry := range entries {
		if entry.Name() == record {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return diskFailed(err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return diskFailed(err)
	}
	return nil
}
