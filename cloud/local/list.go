package local

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// List implements cloud.Cloud. It believes the kernel as much as the records:
// what one of them knows is listed, in the order in which it can be deleted.
func (l *Local) List(_ context.Context, scope cloud.Scope) ([]cloud.Object, error) {
	cluster := scope.Cluster
	if err := checkNames(cluster); err != nil {
		return nil, err
	}
	machines, err := l.machineRecords(cluster)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, m := range machines {
		names[m.ID] = m.Name
	}
	var objects []cloud.Object
	for _, k := range kinds {
		known, err := l.known(k, cluster)
		if err != nil {
			return nil, err
		}
		for _, name := range known {
			object := cloud.Object{Kind: k.name, Name: name, CloudID: name}
			if k == machineKind {
				object.Name, object.ID = names[name], name
			}
			objects = append(objects, object)
		}
	}
	network, err := l.listNetwork(cluster)
	return append(objects, network...), err
}

// known merges the directories of one kind with the control groups of it.
func (l *Local) known(k kind, cluster string) ([]string, error) {
	names, err := subdirectories(l.dirOf(k, cluster, ""))
	if err != nil {
		return nil, err
	}
	for _, group := range l.groups.Children(l.group(cluster)) {
		if name, ours := strings.CutPrefix(group, k.name+"-"); ours {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (l *Local) listNetwork(cluster string) ([]cloud.Object, error) {
	record, recorded, err := readRecord[networkRecord](l.networkFile(cluster))
	if err == nil && recorded {
		return []cloud.Object{{Kind: jeroboam.KindNetwork, Name: record.Name, CloudID: record.Bridge}}, nil
	}
	if err != nil { // there is a record, if a damaged one
		return []cloud.Object{{Kind: jeroboam.KindNetwork}}, nil
	}
	links, err := l.taggedLinks()
	if err != nil || len(links[cluster]) == 0 {
		return nil, err
	}
	return []cloud.Object{{Kind: jeroboam.KindNetwork, CloudID: links[cluster][0]}}, nil
}

// taggedLinks names the network devices that carry our tag, by cluster;
// bridges come first.
func (l *Local) taggedLinks() (map[string][]string, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, failed("network", "The network devices of this host cannot be listed.", fmt.Errorf("list network devices: %w", err))
	}
	tagged := map[string][]string{}
	for _, link := range links {
		if cluster := l.clusterOfTag(link.Attrs().Alias); cluster != "" {
			tagged[cluster] = append(tagged[cluster], link.Attrs().Name)
		}
	}
	for _, names := range tagged {
		slices.Sort(names) // jb- before jv-
	}
	return tagged, nil
}

// Clusters implements cloud.Sweeper, from records, devices and control groups.
func (l *Local) Clusters(context.Context) ([]cloud.Scope, error) {
	clusters, err := subdirectories(filepath.Join(l.dir, "clusters"))
	if err != nil {
		return nil, err
	}
	links, err := l.taggedLinks()
	if err != nil {
		return nil, err
	}
	for cluster := range links {
		clusters = append(clusters, cluster)
	}
	clusters = append(clusters, l.groups.Children(l.group())...)
	slices.Sort(clusters)
	clusters = slices.Compact(clusters)
	scopes := make([]cloud.Scope, len(clusters))
	for i, cluster := range clusters {
		scopes[i] = l.scopeOf(cluster)
	}
	return scopes, nil
}

// scopeOf is what the records remember of the scope; the tag itself is certain.
func (l *Local) scopeOf(cluster string) cloud.Scope {
	var known cloud.Scope
	if record, found, err := readRecord[networkRecord](l.networkFile(cluster)); found && err == nil {
		known = record.Scope
	} else if machines, err := l.machineRecords(cluster); err == nil && len(machines) > 0 {
		known = machines[0].Scope
	}
	return cloud.Scope{Cluster: cluster, Project: known.Project, Name: known.Name}
}

// Delete implements cloud.Cloud.
func (l *Local) Delete(ctx context.Context, scope cloud.Scope, object cloud.Object) error {
	if err := checkNames(scope.Cluster); err != nil {
		return err
	}
	switch object.Kind {
	case jeroboam.KindMachine:
		ids, err := l.machinesMeant(scope.Cluster, object)
		for _, id := range ids {
			if err := l.deleteMachine(ctx, scope.Cluster, id); err != nil {
				return err
			}
		}
		return err
	case jeroboam.KindBalancer, jeroboam.KindAddress:
		name := cmp.Or(object.CloudID, object.Name)
		if err := checkNames(name); err != nil {
			return err
		}
		if object.Kind == jeroboam.KindAddress {
			return l.deleteAddress(scope.Cluster, name)
		}
		return l.deleteBalancer(ctx, scope.Cluster, name)
	case jeroboam.KindNetwork:
		defer l.locks.lock(scope.Cluster)()
		if err := l.checkUnused(scope.Cluster); err != nil {
			return err
		}
		return l.deleteNetwork(ctx, scope.Cluster)
	}
	return jeroboam.Errorf(jeroboam.Invalid, "kind", "The local cloud has no objects of the kind %q.", object.Kind)
}

// machinesMeant finds the machines an object names: by ID, or by name where
// the ledger never learned the ID.
func (l *Local) machinesMeant(cluster string, object cloud.Object) ([]string, error) {
	if id := cmp.Or(object.ID, object.CloudID); id != "" {
		return []string{id}, checkNames(id)
	}
	records, err := l.machineRecords(cluster)
	var ids []string
	for _, record := range records {
		if record.Name == object.Name {
			ids = append(ids, record.ID)
		}
	}
	return ids, err
}

// checkUnused refuses to take the network from under machines.
func (l *Local) checkUnused(cluster string) error {
	for _, k := range kinds {
		names, err := l.known(k, cluster)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			return jeroboam.Errorf(jeroboam.Conflict, "network-in-use", "The network still has %s: %s.", k.directory, strings.Join(names, ", "))
		}
	}
	return nil
}
