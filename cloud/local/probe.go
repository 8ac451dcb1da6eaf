package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/cgroup"
	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/inside"
)

// Finding is one thing a host must or should have.
type Finding struct {
	Name   string
	Needed bool // machines do not work without it
	OK     bool
	Detail string // what was found
	Remedy string // what to do, when not OK
}

// Probe finds out what this host can do, by doing it in namespaces that vanish
// with the attempt. state is the directory machines would lie in.
func Probe(ctx context.Context, state string) []Finding {
	findings := []Finding{probeRoot()}
	findings = append(findings, probePrograms()...)
	findings = append(findings, probeGroups()...)
	if os.Geteuid() != 0 {
		return findings // the rest would only say so again
	}
	return append(findings,
		probe("namespaces", true, "network, mount, PID, UTS, IPC and cgroup", needsPrivilege, probeNamespaces),
		probe("overlay", true, "on "+state, "Put the state directory on ext4, xfs or btrfs: an overlay (as in a container's root) or NFS cannot carry machines.",
			func() error { return probeOverlay(state) }),
		probe("bridge", true, "", "Load the kernel module: modprobe bridge.", func() error { return tryLink(&netlink.Bridge{}) }),
		probe("veth", true, "", "Load the kernel module: modprobe veth.", func() error { return tryLink(&netlink.Veth{PeerName: "peer"}) }),
		probe("vxlan", false, "", "Load the kernel module: modprobe vxlan. Only overlay networks between hosts want it.",
			func() error { return tryLink(&netlink.Vxlan{VxlanId: 1, Port: 4789}) }),
		probe("nf_tables", true, "with NAT and connection tracking", "Load the kernel modules: modprobe nf_tables nft_masq nft_ct.",
			func() error { return probeRules(ctx) }),
		probeResources(),
		probeForward(ctx),
	)
}

const needsPrivilege = "Run as root; in a container, give it --privileged."

func probe(name string, needed bool, detail, remedy string, try func() error) Finding {
	f := Finding{Name: name, Needed: needed, OK: true, Detail: detail}
	if err := apart(try); err != nil {
		f.OK, f.Detail, f.Remedy = false, err.Error(), remedy
	}
	return f
}

// apart runs try on a thread with network and mount namespaces of its own,
// which end with it.
func apart(try func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
			result <- fmt.Errorf("new namespaces: %w", err)
			return
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			result <- fmt.Errorf("make mounts private: %w", err)
			return
		}
		result <- try()
	}()
	return <-result
}

func probeRoot() Finding {
	f := Finding{Name: "root", Needed: true, OK: os.Geteuid() == 0, Detail: fmt.Sprintf("user ID %d", os.Geteuid())}
	if !f.OK {
		f.Remedy = "Run as root: machines are made of namespaces, mounts and control groups."
	}
	return f
}

// programs are what the host must have installed, for us or for a node's software.
var programs = []struct {
	name, packageName, use string
	needed                 bool
}{
	{"nft", "nftables", "NAT and isolation of clusters, services of Kubernetes", true},
	{"runc", "runc", "runs containers", true},
	{"mount", "mount", "volumes of pods", true},
	{"umount", "mount", "volumes of pods", true},
	{"iptables", "iptables", "host ports of pods", false},
	{"conntrack", "conntrack", "forgets connections of removed services", false},
	{"modprobe", "kmod", "loads kernel modules", false},
}

func probePrograms() []Finding {
	var findings []Finding
	for _, program := range programs {
		f := Finding{Name: program.name, Needed: program.needed}
		path, err := exec.LookPath(program.name)
		if err == nil {
			f.OK, f.Detail = true, path
		} else {
			f.Detail = "not installed (" + program.use + ")"
			f.Remedy = "Install the package " + program.packageName + ": apt-get install " + program.packageName + "."
		}
		findings = append(findings, f)
	}
	return findings
}

func probeGroups() []Finding {
	tree, err := cgroup.Detect()
	f := Finding{Name: "cgroups", Needed: true, OK: true, Detail: tree.String() + ": " + strings.Join(tree.Controllers(), " ")}
	if missing := tree.Missing(); err != nil || len(missing) > 0 {
		f.OK, f.Detail = false, fmt.Sprintf("%s lacks %s", tree, strings.Join(missing, ", "))
		f.Remedy = "Mount control groups (package cgroupfs-mount), or boot without cgroup_disable."
	}
	return []Finding{f}
}

// probeNamespaces makes those that apart does not.
func probeNamespaces() error {
	return unix.Unshare(unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWCGROUP)
}

// probeOverlay mounts the host's root with changes in the state directory.
func probeOverlay(state string) error {
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(state, "probe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, name := range []string{"upper", "work", "root"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	root := filepath.Join(dir, "root")
	if err := inside.MountOverlay(root, filepath.Join(dir, "upper"), filepath.Join(dir, "work")); err != nil {
		return err
	}
	// A mount that works for reading alone (no d_type, no extended attributes) shows here.
	return errors.Join(os.WriteFile(filepath.Join(root, "etc", "probe"), nil, 0o600), unix.Unmount(root, unix.MNT_DETACH))
}

func tryLink(link netlink.Link) error {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer handle.Close()
	link.Attrs().Name = "probe"
	if err := handle.LinkAdd(link); err != nil {
		return fmt.Errorf("a %s cannot be made: %w", link.Type(), err)
	}
	return nil
}

// probeRules loads the very rules that clusters get.
func probeRules(ctx context.Context) error {
	if _, err := exec.LookPath("nft"); err != nil {
		return errors.New("nft is not installed")
	}
	var script bytes.Buffer
	subnet := DefaultPool
	network := networkRecord{Bridge: "jb-probe", Subnet: subnet, Gateway: nth(subnet, hostAddress)}
	if err := rules.Execute(&script, map[string]any{"Table": "jeroboam_probe", "Networks": []networkRecord{network}}); err != nil {
		return err
	}
	return nft(ctx, &script)
}

// probeResources looks at what root may do in most places, but not in all containers.
func probeResources() Finding {
	f := Finding{Name: "CAP_SYS_RESOURCE", OK: true, Detail: "present"}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	err := unix.Capget(&header, &sets[0])
	if err != nil || sets[0].Effective&(1<<unix.CAP_SYS_RESOURCE) == 0 {
		f.OK, f.Detail = false, "absent: the out-of-memory killer cannot be told to spare a node's services"
		f.Remedy = "Nothing must be done; clusters work."
	}
	return f
}

// probeForward looks for a packet filter that drops what machines send out and
// that we cannot open: Docker's and ufw's are opened, see hostfilter.go.
func probeForward(ctx context.Context) Finding {
	f := Finding{Name: "forwarding", OK: true, Detail: "no other packet filter is in the way"}
	if names, err := os.ReadFile("/proc/net/ip_tables_names"); err == nil && bytes.Contains(names, []byte("filter")) {
		f.OK, f.Detail = false, "iptables-legacy filters packets"
		f.Remedy = "If clusters cannot reach out: iptables-legacy -I FORWARD -i jb-+ -j ACCEPT; iptables-legacy -I FORWARD -o jb-+ -j ACCEPT."
	}
	if exec.CommandContext(ctx, "nft", "list", "table", "inet", "firewalld").Run() == nil {
		f.OK, f.Detail = false, "firewalld filters packets"
		f.Remedy = "If clusters cannot reach out: firewall-cmd --zone=trusted --add-interface=jb-+."
	}
	return f
}
