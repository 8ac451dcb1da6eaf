package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/local"
	"github.com/jeroboam-cloud/jeroboam/cloud/sim"
	"github.com/jeroboam-cloud/jeroboam/cmd/jeroboam/internal/state"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/coe/kubernetes"
	coesim "github.com/jeroboam-cloud/jeroboam/coe/sim"
	"github.com/jeroboam-cloud/jeroboam/engine"
	"github.com/jeroboam-cloud/jeroboam/node/simagent"
	"github.com/jeroboam-cloud/jeroboam/service/drivers"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// driverTable is the one table of what this program can make clusters of: a
// server type, an image's distro and a COE choose a row, the row names the
// cloud. A new cloud or COE is one line here and one in the constructors below.
var driverTable = []jeroboam.Driver{
	{Name: "k8s_local", ServerType: "vm", Distro: "linux-host", COE: "kubernetes", Cloud: "local"},
	{Name: "k8s_openstack", ServerType: "vm", Distro: "fedora-coreos", COE: "kubernetes", Cloud: "openstack"},
	{Name: "k8s_openstack_flatcar", ServerType: "vm", Distro: "flatcar", COE: "kubernetes", Cloud: "openstack"},
	{Name: "k8s_openstack_debian", ServerType: "vm", Distro: "debian", COE: "kubernetes", Cloud: "openstack"},
	{Name: "k8s_openstack_ubuntu", ServerType: "vm", Distro: "ubuntu", COE: "kubernetes", Cloud: "openstack"},
	{Name: "k8s_openstack_bm", ServerType: "bm", Distro: "fedora-coreos", COE: "kubernetes", Cloud: "openstack"},
	{Name: "k8s_openstack_flatcar_bm", ServerType: "bm", Distro: "flatcar", COE: "kubernetes", Cloud: "openstack"},
	{Name: "k8s_openstack_debian_bm", ServerType: "bm", Distro: "debian", COE: "kubernetes", Cloud: "openstack"},
	{Name: "k8s_openstack_ubuntu_bm", ServerType: "bm", Distro: "ubuntu", COE: "kubernetes", Cloud: "openstack"},
	{Name: "k8s_sim", ServerType: "vm", Distro: "sim", COE: "kubernetes", Cloud: "sim"},
}

// place is a cloud that knows what its machines can be made of.
type place interface {
	cloud.Cloud
	cloud.Catalogue
}

// clouds makes each cloud of the table.
var clouds = map[string]func(config, *state.Directory, *slog.Logger) (place, error){
	"local": func(c config, s *state.Directory, log *slog.Logger) (place, error) {
		return local.New(local.Options{
			State: s.Common, AgentPath: c.Agent, GatewayDir: gatewayDir(s), BundleDir: s.Shared("bundles"), Logger: log,
		})
	},
	"openstack": openOpenstack,
	"sim": func(config, *state.Directory, *slog.Logger) (place, error) {
		return sim.New(sim.Options{
			Call: 2 * time.Millisecond, Boot: 300 * time.Millisecond, Apply: 100 * time.Millisecond,
			Start: 300 * time.Millisecond, Delete: 100 * time.Millisecond, Jitter: 0.5, Sign: true, Credentials: true,
		}), nil
	},
}

// engines makes each COE of the table.
var engines = map[string]func() coe.COE{
	"kubernetes": func() coe.COE { return kubernetes.New() },
}

// engineOn makes a COE for a cloud: one whose machines are simulated can only
// be asked about a simulated cluster.
func engineOn(name string, on place) coe.COE {
	real := engines[name]()
	if world, ok := on.(coesim.World); ok {
		return coesim.New(real, world, coesim.Options{Drain: 200 * time.Millisecond})
	}
	return real
}

// preflight refuses a cloud that cannot work here, before anything is made.
var preflight = map[string]func(context.Context, config) error{"local": hostCarriesMachines, "openstack": openstackLetsIn}

func driverNames() []string {
	names := make([]string, len(driverTable))
	for i, d := range driverTable {
		names[i] = d.Name
	}
	return names
}

// rows are the rows of the table that are on.
func (c config) rows() []jeroboam.Driver {
	return slices.DeleteFunc(slices.Clone(driverTable), func(d jeroboam.Driver) bool { return !slices.Contains(c.Drivers, d.Name) })
}

// mixture tells which sorts of machine the drivers would make.
func (c *config) mixture() (real, pretended bool) {
	for _, d := range c.rows() {
		real, pretended = real || d.Cloud != "sim", pretended || d.Cloud == "sim"
	}
	return real, pretended
}

// driver is a row that is on, with its cloud and its COE.
type driver struct {
	jeroboam.Driver
	cloud place
	coe   coe.COE
}

func openDrivers(c config, s *state.Directory, log *slog.Logger) ([]driver, error) {
	places, kinds := map[string]place{}, map[string]coe.COE{}
	var all []driver
	for _, row := range c.rows() {
		if places[row.Cloud] == nil {
			made, err := clouds[row.Cloud](c, s, log)
			if err != nil {
				return nil, fmt.Errorf("cloud %s: %w", row.Cloud, err)
			}
			places[row.Cloud] = made
		}
		kind := row.COE + " on " + row.Cloud
		if kinds[kind] == nil {
			kinds[kind] = engineOn(row.COE, places[row.Cloud])
		}
		all = append(all, driver{row, places[row.Cloud], kinds[kind]})
	}
	return all, nil
}

func engineDrivers(all []driver) map[string]engine.Driver {
	out := map[string]engine.Driver{}
	for _, d := range all {
		out[d.Name] = engine.Driver{Cloud: d.cloud, COE: d.coe, Catalogue: d.cloud, Bare: d.Bare()}
	}
	return out
}

func monitoredClouds(all []driver) map[string]cloud.Cloud {
	out := map[string]cloud.Cloud{}
	for _, d := range all {
		out[d.Name] = d.cloud
	}
	return out
}

func serviceDrivers(all []driver) []drivers.Driver {
	out := make([]drivers.Driver, len(all))
	for i, d := range all {
		can := d.cloud.Capabilities()
		dependents, _ := d.cloud.(cloud.Dependents)
		out[i] = drivers.Driver{Driver: d.Driver, Engine: d.coe, Catalogue: d.cloud, Preflight: d.cloud, Dependents: dependents,
			Labels: can.Labels, Credentials: can.Credentials, Volumes: can.Volumes, Addresses: can.Addresses}
	}
	return out
}

// world is a cloud whose agents live in this process.
type world interface {
	Serve(ctx context.Context, r simagent.Registry)
	Remember(scope cloud.Scope, ledger []jeroboam.Resource, machines []jeroboam.Machine)
}

// simulated returns the cloud whose agents this process must run, if it has one.
func simulated(all []driver) (world, bool) {
	for _, d := range all {
		if w, ok := d.cloud.(world); ok {
			return w, true
		}
	}
	return nil, false
}

// remind gives a simulated cloud back what it held before this process: some
// clusters at a time, side by side, because there may be many.
func remind(ctx context.Context, db store.Backend, w world) error {
	const together, sideBySide = 500, 4
	var keys []store.Record
	err := db.View(ctx, func(tx store.Tx) (err error) {
		keys, err = tx.List(store.Query{Kind: store.KindCluster, Keys: true})
		return err
	})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(sideBySide)
	for some := range slices.Chunk(keys, together) {
		g.Go(func() error {
			return db.View(ctx, func(tx store.Tx) error { return remindOf(tx, w, some) })
		})
	}
	return g.Wait()
}

func remindOf(tx store.Tx, w world, keys []store.Record) error {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.ID
	}
	clusters, err := tx.List(store.Query{Kind: store.KindCluster, IDs: ids})
	if err != nil {
		return err
	}
	ledger, err := byCluster(tx, ids, func(r jeroboam.Resource) string { return r.Cluster })
	if err != nil {
		return err
	}
	machines, err := byCluster(tx, ids, func(m jeroboam.Machine) string { return m.Cluster })
	for _, c := range clusters {
		w.Remember(cloud.Scope{Cluster: c.ID, Project: c.Project, Name: c.Name}, ledger[c.ID], machines[c.ID])
	}
	return err
}

func byCluster[T store.Noun](tx store.Tx, clusters []string, cluster func(T) string) (map[string][]T, error) {
	all, err := store.List[T](tx, store.Query{Parents: clusters})
	out := map[string][]T{}
	for _, v := range all {
		out[cluster(v)] = append(out[cluster(v)], v)
	}
	return out, err
}

// hostCarriesMachines reports everything that keeps real machines from running
// on this host.
func hostCarriesMachines(ctx context.Context, c config) error {
	if os.Geteuid() != 0 {
		return jeroboam.Errorf(jeroboam.Forbidden, "root", "Machines on this host need root.").
			WithRemedy("Run as root, or choose drivers that need no machines with --drivers.")
	}
	var errs []error
	for _, f := range diagnose(ctx, c.State) {
		if f.Needed && !f.OK {
			errs = append(errs, jeroboam.Errorf(jeroboam.Unsupported, "host", "This host lacks %s: %s", f.Name, f.Detail).WithRemedy("%s", f.Remedy))
		}
	}
	if _, err := os.Stat(c.Agent); err != nil {
		errs = append(errs, jeroboam.Errorf(jeroboam.Invalid, "agent", "There is no agent at %s.", c.Agent).
			WithRemedy("Build it with \"make build\", or say where it is with --agent."))
	}
	return errors.Join(errs...)
}
