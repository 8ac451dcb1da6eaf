package kubernetes

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// The pod network.
//
// Every machine owns one slice of the pod network: the slice whose number is
// the low bits of the machine's address, which are unique in a network no wider
// than the number of slices. Pods are routed, not bridged: each has a pair of
// virtual interfaces with a route to it. Between machines of one link layer,
// the whole pod network is on link, and each machine answers ARP for the pods
// it has a route to. So no machine needs to know the others: a machine that
// joins or leaves changes nothing on those that stay.

const (
	ipamDir    = "/run/cni/ipam" // forgotten at reboot, like the sandboxes
	networkMTU = 1500
)

// podNetwork is the machine's slice, or Conflict when another machine of the
// cluster has the same.
func podNetwork(s settings, m jeroboam.Machine, all []jeroboam.Machine) (netip.Prefix, error) {
	slot, err := podSlot(s, m)
	if err != nil {
		return netip.Prefix{}, err
	}
	for _, other := range all {
		if other.ID == m.ID || other.Status.Address == "" {
			continue
		}
		if taken, err := podSlot(s, other); err == nil && taken == slot {
			return netip.Prefix{}, jeroboam.Errorf(jeroboam.Conflict, "pod-network",
				"The machines %s and %s would share one slice of the pod network %s.", m.Name, other.Name, s.pods).
				WithRemedy("Make a cluster whose %s has at least as many slices as its machines' network has addresses.", labelPods.Name)
		}
	}
	return netip.PrefixFrom(nth(s.pods, slot<<(32-s.subnetLen)), s.subnetLen), nil
}

// podSlot is the number of the machine's slice.
func podSlot(s settings, m jeroboam.Machine) (uint32, error) {
	address, err := netip.ParseAddr(m.Status.Address)
	if err != nil || !address.Is4() {
		return 0, jeroboam.Errorf(jeroboam.Unavailable, "address", "The machine %s has no IPv4 address yet.", m.Name)
	}
	bits := address.As4()
	return binary.BigEndian.Uint32(bits[:]) & (1<<(s.subnetLen-s.pods.Bits()) - 1), nil
}

// nth is the n-th address of a network.
func nth(network netip.Prefix, n uint32) netip.Addr {
	bits := network.Addr().As4()
	binary.BigEndian.PutUint32(bits[:], binary.BigEndian.Uint32(bits[:])+n)
	return netip.AddrFrom4(bits)
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// cniFile configures the pods' interfaces. The portmap plugin serves hostPort.
func cniFile(pods netip.Prefix) node.File {
	return jsonFile("/etc/cni/net.d/10-jeroboam.conflist", object{
		"cniVersion": "1.0.0",
		"name":       "jeroboam",
		"plugins": []object{
			{
				"type": "ptp",
				"mtu":  networkMTU,
				"ipam": object{
					"type":    "host-local",
					"dataDir": ipamDir,
					"ranges":  [][]object{{{"subnet": pods.String()}}},
					"routes":  []object{{"dst": "0.0.0.0/0"}},
				},
			},
			{"type": "portmap", "backend": "nftables", "capabilities": object{"portMappings": true}},
		},
	})
}

// networkTask puts the pod network on link, answers ARP for the machine's own
// pods without the delay meant for strangers, and hides pods behind the
// machine's address when they talk to anything but pods.
func networkTask(s settings, pods netip.Prefix, address string) node.Task {
	script := strings.NewReplacer("ADDRESS", address, "ALLPODS", s.pods.String(), "MYPODS", pods.String())
	return node.Task{
		Name:    taskPodNetwork,
		Command: []string{"/bin/sh", "-eu"},
		Stdin:   script.Replace(networkScript),
	}
}

const networkScript = `set -- $(ip -o -4 address show to ADDRESS)
dev=$2
echo 1 >/proc/sys/net/ipv4/conf/$dev/proxy_arp
echo 0 >/proc/sys/net/ipv4/neigh/$dev/proxy_delay
ip route replace ALLPODS dev $dev src ADDRESS
ip route replace unreachable MYPODS
nft -f - <<'RULES'
table ip jeroboam
delete table ip jeroboam
table ip jeroboam {
	chain leave {
		type nat hook postrouting priority srcnat
		ip saddr MYPODS ip daddr != { ALLPODS, 224.0.0.0/4 } masquerade
	}
}
RULES
`

// networkSysctls let the machine route for its pods.
func networkSysctls() []node.Sysctl {
	return []node.Sysctl{{Key: "net.ipv4.ip_forward", Value: "1"}}
}

// apiURL is the API server at a host.
func apiURL(host string) string { return fmt.Sprintf("https://%s:%d", host, APIPort) }
