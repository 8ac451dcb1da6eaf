package local

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/inside"
	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/process"
)

// machineNamespaces are those a machine is born into. Its network namespace is
// made before it, its cgroup namespace by the launcher.
const machineNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

// child is a process to start in a network namespace of its own, in such a way
// that it outlives us and nothing is left if either of us dies on the way.
type child struct {
	args       []string // of our own program
	dir        string   // holds its console and, once it runs, its process file
	lock       *os.File // held until the child has become what it is to be
	namespaces uintptr
	cable      cable
}

// cable is the link between a network namespace (eth0) and a bridge.
type cable struct {
	bridge  string
	name    string // of the end on the host
	tag     string
	address netip.Addr
	gateway netip.Addr
}

// start returns when the child has executed its program, or failed to.
func (l *Local) start(c child) (process.ID, error) {
	_ = os.Remove(filepath.Join(c.dir, inside.ProcessFile))
	if err := deleteLink(c.cable.name); err != nil {
		return process.ID{}, err
	}
	ready, theirs, err := os.Pipe()
	if err != nil {
		return process.ID{}, err
	}
	defer ready.Close()
	started := make(chan error, 1)
	go func() {
		// The thread ends with the goroutine, and with it the network namespace,
		// unless a child lives in it by then.
		runtime.LockOSThread()
		started <- l.fork(c, theirs)
	}()
	err = <-started
	theirs.Close()
	if err != nil {
		return process.ID{}, err
	}
	if _, err := io.Copy(io.Discard, ready); err != nil { // ends when the child executes
		return process.ID{}, err
	}
	id := process.Load(filepath.Join(c.dir, inside.ProcessFile))
	if !id.Alive() {
		return id, errors.New("the process ended before it was ready")
	}
	return id, nil
}

// fork makes the network namespace on the calling thread and starts the child in it.
func (l *Local) fork(c child, ready *os.File) error {
	host, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	defer host.Close()
	hostNamespace, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer hostNamespace.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("new network namespace: %w", err)
	}
	if err := c.cable.plug(host, int(hostNamespace.Fd())); err != nil {
		return err
	}
	return l.execute(c, ready)
}

// plug makes the cable. The calling thread is in the new namespace, host
// speaks to the host's.
func (c cable) plug(host *netlink.Handle, hostNamespace int) error {
	bridge, err := host.LinkByName(c.bridge)
	if err != nil {
		return fmt.Errorf("find bridge %s: %w", c.bridge, err)
	}
	mine, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	defer mine.Close()
	attributes := netlink.NewLinkAttrs()
	attributes.Name, attributes.MTU, attributes.HardwareAddr = "eth0", bridge.Attrs().MTU, hardwareAddress(c.name)
	veth := &netlink.Veth{LinkAttrs: attributes, PeerName: c.name, PeerNamespace: netlink.NsFd(hostNamespace)}
	if err := mine.LinkAdd(veth); err != nil {
		return fmt.Errorf("make cable %s: %w", c.name, err)
	}
	if err := c.plugHost(host, bridge); err != nil {
		return err
	}
	return c.plugGuest(mine)
}

func (c cable) plugHost(host *netlink.Handle, bridge netlink.Link) error {
	link, err := host.LinkByName(c.name)
	if err != nil {
		return fmt.Errorf("find cable %s: %w", c.name, err)
	}
	if err := errors.Join(
		host.LinkSetAlias(link, c.tag),
		host.LinkSetMaster(link, bridge),
		host.LinkSetUp(link)); err != nil {
		return fmt.Errorf("plug cable %s into %s: %w", c.name, c.bridge, err)
	}
	return nil
}

func (c cable) plugGuest(mine *netlink.Handle) error {
	for _, name := range []string{"lo", "eth0"} {
		link, err := mine.LinkByName(name)
		if err != nil {
			return fmt.Errorf("find %s: %w", name, err)
		}
		if name == "eth0" {
			if err := mine.AddrAdd(link, &netlink.Addr{IPNet: ipNet(c.address, subnetBits)}); err != nil {
				return fmt.Errorf("give the machine the address %s: %w", c.address, err)
			}
		}
		if err := mine.LinkSetUp(link); err != nil {
			return fmt.Errorf("set %s up: %w", name, err)
		}
	}
	if err := mine.RouteAdd(&netlink.Route{Gw: c.gateway.AsSlice()}); err != nil {
		return fmt.Errorf("route through %s: %w", c.gateway, err)
	}
	return nil
}

// maxConsole is the size at which a console's log is begun anew, in bytes.
const maxConsole = 4 << 20

// execute starts our own program again: in its own session, with a log for its
// output and nothing else of ours open but the pipe and the lock, which it closes.
func (l *Local) execute(c child, ready *os.File) error {
	path := filepath.Join(c.dir, inside.ConsoleFile)
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if entry, err := os.Stat(path); err == nil && entry.Size() > maxConsole {
		flags |= os.O_TRUNC
	}
	console, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return diskFailed(err)
	}
	defer console.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	// What a shell left open for us is not for those who outlive us.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("keep open files to ourselves: %w", err)
	}
	p, err := os.StartProcess(l.options.SelfPath, append([]string{"jeroboam"}, c.args...), &os.ProcAttr{
		Dir: "/", Env: []string{"PATH=" + os.Getenv("PATH")},
		Files: []*os.File{null, console, console, ready, c.lock},
		Sys:   &syscall.SysProcAttr{Setsid: true, Cloneflags: c.namespaces},
	})
	if err != nil {
		return fmt.Errorf("start %s %s: %w", l.options.SelfPath, c.args[0], err)
	}
	return p.Release()
}

// inherited are the files a child is given above its standard ones.
const (
	readyFile  = 3
	lockedFile = 4
)

// keepUntilExec has the given files close when the process executes another
// program: who waits for them learns that it did.
func keepUntilExec() {
	unix.CloseOnExec(readyFile)
	unix.CloseOnExec(lockedFile)
}
