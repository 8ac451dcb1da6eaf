package service

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/quota"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/service/drivers"
	"github.com/jeroboam-cloud/jeroboam/service/internal/names"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// ClusterRequest is a wish for a cluster. Empty and nil members take the
// template's value.
type ClusterRequest struct {
	Name             string
	Template         string // UUID or name
	Masters          *int   // nil: 1
	Workers          *int   // nil: 1
	Keypair          string
	Flavor           string
	MasterFlavor     string
	Labels           map[string]string // none: the template's
	MergeLabels      bool              // Labels are laid over the template's
	CreateTimeout    *time.Duration    // nil: an hour, of bare metal three; 0: none
	DiscoveryURL     string
	DockerVolumeSize *int
	FixedNetwork     string
	FixedSubnet      string
	FloatingIP       *bool
	MasterLB         *bool
}

const (
	defaultTimeout = time.Hour
	bareTimeout    = 3 * time.Hour // metal is cleaned, written and booted, which takes half an hour each time
)

// CreateCluster writes down a cluster, its two default groups and the
// operation that makes it.
func (s *Service) CreateCluster(ctx context.Context, caller jeroboam.Caller, r ClusterRequest) (jeroboam.Cluster, error) {
	t, err := store.View(ctx, s.Store, func(tx store.Tx) (jeroboam.Template, error) {
		return s.gate.Template(tx, caller, r.Template, access.Rule{})
	})
	if err != nil {
		return jeroboam.Cluster{}, err
	}
	if err := s.gate.Allow(caller, "cluster:create", caller.ProjectID, caller.UserID); err != nil {
		return jeroboam.Cluster{}, err
	}
	wish := r.resolve(t)
	d, err := s.checkCluster(ctx, caller, r, &wish)
	if err != nil {
		return jeroboam.Cluster{}, err
	}
	c := s.newCluster(caller, r, wish, d)
	if c.Spec.Version, err = s.drivers.Version(wish.COE, wish.Labels); err != nil {
		return c, err
	}
	groups := s.defaultGroups(c, r)
	if err := d.PreflightCluster(ctx, caller, c, groups, wish); err != nil {
		return c, err
	}
	if err := claim(ctx, d, c.Project, groups); err != nil {
		return c, err
	}
	return store.Update(ctx, s.Store, func(tx store.Tx) (jeroboam.Cluster, error) {
		return s.keepCluster(tx, caller, c, groups)
	})
}

// resolve lays the wish over the template.
func (r ClusterRequest) resolve(t jeroboam.Template) jeroboam.Template {
	overlay(&t.Keypair, r.Keypair)
	overlay(&t.Flavor, r.Flavor)
	overlay(&t.MasterFlavor, r.MasterFlavor)
	overlay(&t.FixedNetwork, r.FixedNetwork)
	overlay(&t.FixedSubnet, r.FixedSubnet)
	overlay(&t.DockerVolumeSize, value(r.DockerVolumeSize))
	if t.Flavor == "" {
		t.Flavor = t.MasterFlavor
	}
	if r.FloatingIP != nil {
		t.FloatingIPEnabled = *r.FloatingIP
	}
	if r.MasterLB != nil {
		t.MasterLBEnabled = *r.MasterLB
	}
	switch {
	case len(r.Labels) > 0 && r.MergeLabels:
		t.Labels = jeroboam.MergeLabels(t.Labels, r.Labels)
	case len(r.Labels) > 0:
		t.Labels = r.Labels
	}
	if t.MasterFlavor == "" {
		t.MasterFlavor = t.Flavor
	}
	return t
}

func overlay[T comparable](base *T, over T) {
	var zero T
	if over != zero {
		*base = over
	}
}

// checkCluster says what is wrong with a wish that is laid over its template, but
// for what it names.
func (s *Service) checkCluster(ctx context.Context, caller jeroboam.Caller, r ClusterRequest, wish *jeroboam.Template) (drivers.Driver, error) {
	if r.Name != "" {
		if err := jeroboam.ValidateClusterName(r.Name); err != nil {
			return drivers.Driver{}, err
		}
	}
	d, err := s.drivers.For(ctx, caller.ProjectID, wish)
	if err != nil {
		return d, err
	}
	if err := s.checkSizes(d, r, *wish); err != nil {
		return d, err
	}
	if wish.Flavor == "" {
		return d, jeroboam.Errorf(jeroboam.Invalid, "flavor", "Neither the cluster nor its template has a flavor.").
			WithRemedy("Give flavor_id.")
	}
	return d, s.drivers.Check(d, *wish)
}

func (s *Service) checkSizes(d drivers.Driver, r ClusterRequest, wish jeroboam.Template) error {
	masters, workers := orOne(r.Masters), orOne(r.Workers)
	if masters < 1 || workers < 0 {
		return jeroboam.Errorf(jeroboam.Invalid, "node_count", "A cluster needs 1 or more masters and 0 or more nodes.")
	}
	if err := d.CheckMasters(wish, masters); err != nil {
		return err
	}
	return s.checkTotal(masters + workers)
}

func orOne(n *int) int {
	if n == nil {
		return 1
	}
	return *n
}

func (s *Service) newCluster(caller jeroboam.Caller, r ClusterRequest, t jeroboam.Template, d drivers.Driver) jeroboam.Cluster {
	c := jeroboam.Cluster{
		ID: s.NewID(), Project: caller.ProjectID, User: caller.UserID, Name: r.Name, CreatedAt: s.now(),
		Spec: jeroboam.ClusterSpec{
			Template: t.ID, Driver: d.Name, COE: t.COE, Image: t.Image, Keypair: t.Keypair, Flavor: t.Flavor,
			MasterFlavor: t.MasterFlavor, Labels: t.Labels, DockerVolumeSize: t.DockerVolumeSize, CreateTimeout: defaultTimeout,
			DiscoveryURL: r.DiscoveryURL, FixedNetwork: t.FixedNetwork, FixedSubnet: t.FixedSubnet,
			ExternalNetwork: t.ExternalNetwork, NetworkDriver: t.NetworkDriver, DNSNameserver: t.DNSNameserver,
			FloatingIPEnabled: t.FloatingIPEnabled, MasterLBEnabled: t.MasterLBEnabled, TLSDisabled: t.TLSDisabled,
		},
		Status: jeroboam.ClusterStatus{State: jeroboam.CreateInProgress},
	}
	if c.Name == "" {
		c.Name = names.Random("cluster")
	}
	if d.Bare() {
		c.Spec.CreateTimeout = bareTimeout
	}
	if r.CreateTimeout != nil {
		c.Spec.CreateTimeout = *r.CreateTimeout
	}
	return c
}

// defaultGroups are the two groups every cluster is made with.
func (s *Service) defaultGroups(c jeroboam.Cluster, r ClusterRequest) []jeroboam.NodeGroup {
	least, _ := strconv.Atoi(minNodes.In(c.Spec.Labels)) // checked with the wish
	group := func(name, role, flavor string, count, least int) jeroboam.NodeGroup {
		return jeroboam.NodeGroup{
			ID: s.NewID(), Cluster: c.ID, Project: c.Project, Name: name, Role: role, Default: true, CreatedAt: c.CreatedAt,
			Spec: jeroboam.NodeGroupSpec{Count: count, Min: least, Flavor: flavor, Image: c.Spec.Image,
				DockerVolumeSize: c.Spec.DockerVolumeSize, Labels: c.Spec.Labels},
			Status: jeroboam.NodeGroupStatus{State: jeroboam.CreateInProgress},
		}
	}
	return []jeroboam.NodeGroup{
		group(jeroboam.DefaultMaster, jeroboam.RoleMaster, c.Spec.MasterFlavor, orOne(r.Masters), 0),
		group(jeroboam.DefaultWorker, jeroboam.RoleWorker, c.Spec.Flavor, orOne(r.Workers), least),
	}
}

// keepCluster counts and writes in one transaction, so that creates that race
// never pass a quota, and none refers to a template that is just deleted.
func (s *Service) keepCluster(tx store.Tx, caller jeroboam.Caller, c jeroboam.Cluster, groups []jeroboam.NodeGroup) (jeroboam.Cluster, error) {
	if _, err := s.gate.Template(tx, caller, c.Spec.Template, access.Rule{}); err != nil {
		return c, err
	}
	total := jeroboam.Amounts{Clusters: 1}
	for _, g := range groups {
		total = total.Plus(g.Claim.Total())
	}
	if err := quota.Reserve(tx, s.Limits.Quotas, c.Project, total); err != nil {
		return c, err
	}
	var sizes []string
	for _, g := range groups {
		if err := store.Put(tx, &g); err != nil {
			return c, err
		}
		sizes = append(sizes, fmt.Sprintf("%s %d", g.Name, g.Spec.Count))
	}
	summary := c.Name + ": " + strings.Join(sizes, ", ")
	if err := s.begin(tx, caller, &c, change{jeroboam.VerbCreate, summary, jeroboam.CreateInProgress, c.Spec.CreateTimeout}); err != nil {
		return c, err
	}
	return c, s.warn(tx, c, s.ClusterWarnings(c))
}

// claim gives new groups what each of their nodes takes and how many they want.
func claim(ctx context.Context, d drivers.Driver, project string, groups []jeroboam.NodeGroup) error {
	for i := range groups {
		g := &groups[i]
		f, err := d.FindFlavor(ctx, project, g.Spec.Flavor)
		if err != nil {
			return err
		}
		g.Claim = jeroboam.Claim{Wanted: g.Spec.Count, Each: quota.Each(*g, f)}
	}
	return nil
}
