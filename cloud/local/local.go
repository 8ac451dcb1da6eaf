// Package local makes machines on this very Linux host: each has network,
// mount, PID, UTS, IPC and cgroup namespaces of its own on an overlay of the
// host's root file system, on a bridge per cluster. Machines outlive the
// service that made them.
//
// What exists is told by the kernel, and by one directory per cluster whose
// records are written before anything is made. It keeps apart what different
// clusters run; it is no defence against a hostile root inside a machine.
package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/local/internal/cgroup"
)

// DefaultPool is where clusters' networks are taken from.
var DefaultPool = netip.MustParsePrefix("10.77.0.0/16")

// Options say where things are on the host.
type Options struct {
	State      string       // the service's state directory, hidden from machines; ours is the folder "local" in it
	AgentPath  string       // jeroboam-agent
	SelfPath   string       // jeroboam, executed anew as local-machine and local-balancer; "": this program
	GatewayDir string       // holds gateway.sock; machines see it as /run/jeroboam, so it must not be replaced while they live
	BundleDir  string       // holds bundles by digest; machines see it as node.BundleRoot. "": none
	Pool       netip.Prefix // of clusters' networks, /24 each; zero: DefaultPool
	Logger     *slog.Logger // nil: slog.Default()
}

// Local is the cloud of this host. Several may share a host, each with a state
// directory of its own.
type Local struct {
	options  Options
	dir      string // State/local
	instance string // names all that is ours on the host: 8 hex digits of State's path
	groups   cgroup.Tree
	log      *slog.Logger
	locks    keyedLocks
	changed  broadcast   // something was started
	able     atomic.Bool // the host was found to be able to carry machines
}

var (
	_ cloud.Cloud     = (*Local)(nil)
	_ cloud.Balancers = (*Local)(nil)
	_ cloud.Addresses = (*Local)(nil)
	_ cloud.Catalogue = (*Local)(nil)
	_ cloud.Sweeper   = (*Local)(nil)
	_ cloud.Watcher   = (*Local)(nil)
)

// New opens the local cloud. It makes only directories; Check and Probe tell
// whether the host can carry machines.
func New(options Options) (*Local, error) {
	if options.Pool == (netip.Prefix{}) {
		options.Pool = DefaultPool
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	if options.SelfPath == "" {
		options.SelfPath = "/proc/self/exe"
	}
	if !options.Pool.Addr().Is4() || options.Pool.Bits() > subnetBits {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "pool", "%s is no IPv4 network of at least a /%d.", options.Pool, subnetBits)
	}
	for _, path := range []*string{&options.State, &options.AgentPath, &options.GatewayDir, &options.BundleDir} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return nil, err
		}
		*path = absolute
	}
	dir := filepath.Join(options.State, "local")
	if err := os.MkdirAll(filepath.Join(dir, "clusters"), 0o700); err != nil {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "state-directory", "The directory %s cannot be made.", dir).Wrap(err)
	}
	groups, err := cgroup.Detect()
	if err != nil {
		return nil, err
	}
	options.State = realPath(options.State)
	return &Local{
		options: options, dir: filepath.Join(options.State, "local"), instance: instanceOf(options.State),
		groups: groups, log: options.Logger,
	}, nil
}

// Capabilities implements cloud.Cloud.
func (l *Local) Capabilities() cloud.Capabilities {
	return cloud.Capabilities{Balancers: true, Addresses: true}
}

// instanceOf derives the name of all that is ours on the host from the one
// thing that is left when the records are damaged.
func instanceOf(state string) string { return digest(8, state) }

func digest(digits int, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])[:digits]
}

// realPath resolves links as far as the path exists, so that one directory has
// one name.
func realPath(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	if parent := filepath.Dir(path); parent != path {
		return filepath.Join(realPath(parent), filepath.Base(path))
	}
	return path
}

// safeName is what may become the name of a directory or a control group.
var safeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

func checkNames(names ...string) error {
	for _, name := range names {
		if !safeName.MatchString(name) {
			return jeroboam.Errorf(jeroboam.Invalid, "name", "%q cannot be a name on this host.", name).
				WithRemedy("Use letters, digits, dots, dashes and underscores.")
		}
	}
	return nil
}

// failed classifies what the host refused: the text is the operator's.
func failed(reason, detail string, err error) error {
	if _, ours := jeroboam.AsError(err); ours || err == nil {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return jeroboam.Errorf(jeroboam.Timeout, reason, "%s", detail).Wrap(err)
	}
	return jeroboam.Errorf(jeroboam.Unavailable, reason, "%s", detail).Wrap(err)
}
