package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// A cluster's subnet. The rest of its addresses are those of the kinds.
const (
	subnetBits  = 24
	hostAddress = 1
)

// EnsureNetwork implements cloud.Cloud: a bridge in the host's network
// namespace, on a subnet that nothing else of the host uses.
func (l *Local) EnsureNetwork(ctx context.Context, scope cloud.Scope, spec cloud.NetworkSpec) (cloud.Network, error) {
	if err := checkNames(scope.Cluster); err != nil {
		return cloud.Network{}, err
	}
	if spec.FixedNetwork != "" || spec.FixedSubnet != "" {
		return cloud.Network{}, jeroboam.Errorf(jeroboam.Invalid, "network", "The local cloud has no networks of its own to use.").
			WithRemedy("Leave fixed_network and fixed_subnet empty: each cluster gets a new network.")
	}
	defer l.locks.lock(scope.Cluster)()
	unlock, err := l.lockHost(ctx)
	if err != nil {
		return cloud.Network{}, err
	}
	defer unlock()
	record, found, err := readRecord[networkRecord](l.networkFile(scope.Cluster))
	if err != nil {
		return cloud.Network{}, err
	}
	if !found {
		if record, err = l.planNetwork(scope, spec); err != nil {
			return cloud.Network{}, err
		}
		if err := writeRecord(l.networkFile(scope.Cluster), record); err != nil {
			return cloud.Network{}, err
		}
	}
	if err := l.makeNetwork(ctx, record); err != nil {
		return cloud.Network{}, failed("network", "The network of the cluster could not be made on this host.", err)
	}
	return record.network(), nil
}

// planNetwork chooses a bridge and a subnet. The host's lock is held until the
// kernel knows them.
func (l *Local) planNetwork(scope cloud.Scope, spec cloud.NetworkSpec) (networkRecord, error) {
	bridge, err := l.freeBridge(scope.Cluster)
	if err != nil {
		return networkRecord{}, err
	}
	taken, err := l.takenSubnets()
	if err != nil {
		return networkRecord{}, failed("network", "The networks of this host cannot be listed.", err)
	}
	subnet, found := freeSubnet(l.options.Pool, taken)
	if !found {
		return networkRecord{}, jeroboam.Errorf(jeroboam.QuotaExceeded, "subnets", "%s has no free /%d: routes and interfaces of this host use it.", l.options.Pool, subnetBits).
			WithRemedy("Delete a cluster, or give the local cloud another pool.")
	}
	return networkRecord{
		Scope: scope, Name: spec.Name, Bridge: bridge, Subnet: subnet,
		Gateway: nth(subnet, hostAddress), DNS: spec.DNSNameserver,
	}, nil
}

// freeBridge finds a name no other's device has. One without an alias that has
// our name was left by a crash of ours.
func (l *Local) freeBridge(cluster string) (string, error) {
	for attempt := 0; ; attempt++ {
		name := l.deviceName("jb", cluster, attempt)
		link, err := findLink(name)
		if err != nil {
			return "", err
		}
		if link == nil || link.Attrs().Alias == "" || link.Attrs().Alias == l.tag(cluster) {
			return name, nil
		}
	}
}

// takenSubnets lists all that the kernel or our records use.
func (l *Local) takenSubnets() ([]netip.Prefix, error) {
	var taken []netip.Prefix
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	for _, route := range routes {
		if prefix, ok := prefixOf(route.Dst); ok && prefix.Bits() > 0 {
			taken = append(taken, prefix)
		}
	}
	addresses, err := netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	for _, address := range addresses {
		if prefix, ok := prefixOf(address.IPNet); ok {
			taken = append(taken, prefix)
		}
	}
	networks, err := l.networks()
	for _, network := range networks {
		taken = append(taken, network.Subnet)
	}
	return taken, err
}

func prefixOf(network *net.IPNet) (netip.Prefix, bool) {
	if network == nil {
		return netip.Prefix{}, false
	}
	address, ok := netip.AddrFromSlice(network.IP)
	bits, _ := network.Mask.Size()
	return netip.PrefixFrom(address.Unmap(), bits).Masked(), ok
}

// freeSubnet picks the first /24 of the pool that overlaps nothing taken.
func freeSubnet(pool netip.Prefix, taken []netip.Prefix) (netip.Prefix, bool) {
	for address := pool.Masked().Addr(); pool.Contains(address); address = next24(address) {
		candidate := netip.PrefixFrom(address, subnetBits)
		free := true
		for _, t := range taken {
			free = free && !t.Overlaps(candidate)
		}
		if free {
			return candidate, true
		}
	}
	return netip.Prefix{}, false
}

func next24(address netip.Addr) netip.Addr {
	bytes := address.As4()
	for i := 2; i >= 0; i-- {
		bytes[i]++
		if bytes[i] != 0 {
			return netip.AddrFrom4(bytes)
		}
	}
	return netip.Addr{} // past the last one: contained in no pool
}

// networks reads the network record of every cluster.
func (l *Local) networks() ([]networkRecord, error) {
	clusters, err := subdirectories(filepath.Join(l.dir, "clusters"))
	if err != nil {
		return nil, err
	}
	var all []networkRecord
	for _, cluster := range clusters {
		if record, found, err := readRecord[networkRecord](l.networkFile(cluster)); found && err == nil {
			all = append(all, record)
		}
	}
	return all, nil
}

// makeNetwork brings the kernel to what the record says. The host's lock is held.
func (l *Local) makeNetwork(ctx context.Context, record networkRecord) error {
	link, err := findLink(record.Bridge)
	if err != nil {
		return err
	}
	if link == nil {
		if link, err = addBridge(record); err != nil {
			return err
		}
	}
	if err := netlink.LinkSetAlias(link, l.tag(record.Scope.Cluster)); err != nil {
		return fmt.Errorf("tag bridge %s: %w", record.Bridge, err)
	}
	address := &netlink.Addr{IPNet: ipNet(record.Gateway, subnetBits)}
	if err := netlink.AddrReplace(link, address); err != nil {
		return fmt.Errorf("give bridge %s the address %s: %w", record.Bridge, record.Gateway, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("set bridge %s up: %w", record.Bridge, err)
	}
	if err := raiseSettings(); err != nil {
		return err
	}
	return l.applyRules(ctx)
}

func addBridge(record networkRecord) (netlink.Link, error) {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = record.Bridge
	attributes.HardwareAddr = hardwareAddress(record.Bridge) // else it changes with every cable
	bridge := &netlink.Bridge{LinkAttrs: attributes}
	if err := netlink.LinkAdd(bridge); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("make bridge %s: %w", record.Bridge, err)
	}
	return findLink(record.Bridge)
}

// hardwareAddress derives a locally administered address, so that a machine
// that starts again is still known to its neighbours.
func hardwareAddress(of string) net.HardwareAddr {
	address, err := net.ParseMAC("02:" + digest(2, of, "1") + ":" + digest(2, of, "2") + ":" +
		digest(2, of, "3") + ":" + digest(2, of, "4") + ":" + digest(2, of, "5"))
	if err != nil {
		panic(err) // hex digits always parse
	}
	return address
}

// deleteNetwork removes the bridge and, with the last cluster, all else that
// the instance has on the host. The caller holds the cluster's lock.
func (l *Local) deleteNetwork(ctx context.Context, cluster string) error {
	unlock, err := l.lockHost(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := l.deleteLinks(cluster); err != nil {
		return failed("network", "The cluster's bridge could not be removed.", err)
	}
	if err := os.RemoveAll(l.networkFile(cluster)); err != nil {
		return diskFailed(err)
	}
	l.forgetCluster(cluster)
	if err := l.applyRules(ctx); err != nil {
		return failed("network", "The packet filter of the network could not be updated.", err)
	}
	return failed("network", "The host's forwarding could not be set back.", leaveHost())
}

// deleteLinks removes the bridge of a cluster and every cable on it, by tag and
// by the names a crash may have left untagged.
func (l *Local) deleteLinks(cluster string) error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list network devices: %w", err)
	}
	untagged := l.deviceName("jb", cluster, 0)
	var errs []error
	for _, link := range links {
		a := link.Attrs()
		if l.clusterOfTag(a.Alias) == cluster || (a.Name == untagged && a.Alias == "") {
			errs = append(errs, deleteLink(a.Name))
		}
	}
	return errors.Join(errs...)
}

// forgetCluster removes the cluster's directory and groups once they are empty.
func (l *Local) forgetCluster(cluster string) {
	for _, k := range kinds {
		_ = os.Remove(l.dirOf(k, cluster, "")) // refused unless empty
	}
	_ = os.Remove(l.clusterDir(cluster))
	l.groups.Prune(l.group(cluster))
	l.groups.Prune(l.group())
}

// findLink returns nil when the device does not exist.
func findLink(name string) (netlink.Link, error) {
	link, err := netlink.LinkByName(name)
	var absent netlink.LinkNotFoundError
	if errors.As(err, &absent) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find network device %s: %w", name, err)
	}
	return link, nil
}

// deleteLink removes a device; absent is success.
func deleteLink(name string) error {
	link, err := findLink(name)
	if err != nil || link == nil {
		return err
	}
	if err := netlink.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("delete network device %s: %w", name, err)
	}
	return nil
}

func ipNet(address netip.Addr, bits int) *net.IPNet {
	return &net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(bits, 32)}
}
