package service

import (
	"cmp"
	"context"
	"fmt"
	"maps"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/service/drivers"
	"github.com/jeroboam-cloud/jeroboam/service/internal/refusal"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Upgrade is a wish for another template's version.
type Upgrade struct {
	Template string // UUID or name
	Group    string // "": the control plane and the default workers
	Batch    int    // workers that may be down at once; 0: a tenth of them
}

// UpgradeCluster brings a cluster to the version of another template, in place:
// the control plane and the default workers, or one other group, which can only
// follow. All that cannot be is refused before anything is changed.
func (s *Service) UpgradeCluster(ctx context.Context, caller jeroboam.Caller, ident string, up Upgrade) (jeroboam.Cluster, error) {
	wish, err := store.View(ctx, s.Store, func(tx store.Tx) (upgrade, error) { return s.upgrade(tx, caller, ident, up) })
	if err != nil {
		return wish.cluster, err
	}
	if err := s.checkMachines(ctx, wish); err != nil {
		return wish.cluster, err
	}
	return store.Update(ctx, s.Store, func(tx store.Tx) (jeroboam.Cluster, error) {
		wish, err := s.upgrade(tx, caller, wish.cluster.ID, up)
		if err != nil {
			return wish.cluster, err
		}
		if wish.group.Default {
			return s.upgradeAll(tx, caller, wish)
		}
		return s.upgradeGroup(tx, caller, wish)
	})
}

// upgrade is a wish with what it is about.
type upgrade struct {
	Upgrade
	cluster  jeroboam.Cluster
	template jeroboam.Template
	group    jeroboam.NodeGroup // a default one: both
	groups   []jeroboam.NodeGroup
	driver   drivers.Driver
	from, to string // version
}

// upgrade says what is wrong with a wish as far as records and the COE tell.
func (s *Service) upgrade(tx store.Tx, caller jeroboam.Caller, ident string, up Upgrade) (upgrade, error) {
	w := upgrade{Upgrade: up}
	var err error
	if w.cluster, err = s.gate.Cluster(tx, caller, ident, access.Everywhere("cluster:upgrade")); err != nil {
		return w, err
	}
	if w.template, err = s.gate.Template(tx, caller, up.Template, access.Rule{}); err != nil {
		return w, err
	}
	if w.group, err = group(tx, w.cluster, cmp.Or(up.Group, jeroboam.DefaultWorker)); err != nil {
		return w, err
	}
	if w.groups, err = groupsOf(tx, w.cluster.ID); err != nil {
		return w, err
	}
	if err := refusal.UnlessResting(w.cluster.Status.State, "Upgrading a cluster"); err != nil {
		return w, err
	}
	if w.driver, err = s.drivers.Of(w.cluster); err != nil {
		return w, err
	}
	if _, can := w.driver.Engine.(coe.Upgrader); !can {
		return w, jeroboam.Errorf(jeroboam.Unsupported, "upgrade", "Upgrading a cluster of driver %s is not supported.", w.driver.Name).
			WithRemedy("Make a new cluster of the wanted version and move the work to it.")
	}
	if !w.group.Default {
		return w, w.checkFollower(tx)
	}
	return w, s.checkLeap(&w)
}

// checkFollower keeps Magnum's rule: a group can only come to where its cluster
// is, so that it is never ahead of the control plane.
func (w *upgrade) checkFollower(tx store.Tx) error {
	w.from, w.to = plan.WantedVersion(w.cluster, w.group), w.cluster.Spec.Version
	if w.template.ID == w.cluster.Spec.Template {
		return nil
	}
	name := w.cluster.Spec.Template
	if t, err := store.Get[jeroboam.Template](tx, name); err == nil {
		name = t.Name
	}
	return jeroboam.Errorf(jeroboam.Conflict, "template",
		"Cluster Template is not valid for upgrade: Nodegroup %s can be upgraded only to match cluster's template (%s).", w.group.Name, name).
		WithRemedy("Upgrade the cluster first, then this group to the same template.")
}

// checkLeap checks whether the whole cluster can go where the template says.
func (s *Service) checkLeap(w *upgrade) (err error) {
	c, t := w.cluster, w.template
	w.from = c.Spec.Version
	if t.COE != c.Spec.COE {
		return inPlace("coe", "The template %s is for %s, and the cluster runs %s.", t.Name, t.COE, c.Spec.COE)
	}
	networks := w.driver.Engine.Traits().NetworkDrivers
	if have, want := orFirst(c.Spec.NetworkDriver, networks), orFirst(t.NetworkDriver, networks); have != want {
		return inPlace("network_driver", "The template %s has the network driver %s, and the cluster has %s.", t.Name, want, have)
	}
	if w.to, err = s.drivers.Version(t.COE, t.Labels); err != nil {
		return err
	}
	if w.to == w.from {
		return nil // the template alone changes
	}
	if err := s.CheckUpgrade(c.Spec.COE, w.from, w.to); err != nil {
		return err
	}
	for _, g := range w.groups {
		if v := plan.WantedVersion(c, g); v != w.from && !g.Spec.Deleted {
			return jeroboam.Errorf(jeroboam.Conflict, "version-skew", "Node group %s still runs %s, and the cluster %s.", g.Name, v, w.from).
				WithRemedy("Upgrade it to the cluster's present template first, or delete it.")
		}
	}
	return nil
}

func inPlace(reason, format string, args ...any) error {
	return jeroboam.Errorf(jeroboam.Conflict, reason, format, args...).
		WithRemedy("That cannot change in place: use a template that differs in its version, or make a new cluster.")
}

func orFirst(word string, words []string) string {
	if word == "" && len(words) > 0 {
		return words[0]
	}
	return word
}

// checkMachines asks the cloud whether the machines could stay what they are.
func (s *Service) checkMachines(ctx context.Context, w upgrade) error {
	if !w.group.Default {
		return nil
	}
	c, t := w.cluster, w.template
	_, have, err := s.drivers.FindImage(ctx, c.Project, c.Spec.Image)
	if err != nil {
		return err
	}
	_, want, err := s.drivers.FindImage(ctx, c.Project, t.Image)
	if err != nil {
		return err
	}
	if have.ID != want.ID {
		return inPlace("image", "The template %s has the image %s, and the machines of the cluster were made of %s.", t.Name, t.Image, c.Spec.Image)
	}
	d, err := s.drivers.For(ctx, c.Project, &t)
	if err == nil && d.Name != c.Spec.Driver {
		err = inPlace("driver", "The template %s is for the driver %s, and the cluster was made by %s.", t.Name, d.Name, c.Spec.Driver)
	}
	return err
}

// upgradeAll moves the cluster and its default groups; the others stay where
// they are until they are told to follow.
func (s *Service) upgradeAll(tx store.Tx, caller jeroboam.Caller, w upgrade) (jeroboam.Cluster, error) {
	c := w.cluster
	for _, g := range w.groups {
		switch {
		case !g.Default && (g.Spec.Version != "" || w.to == w.from):
			continue
		case !g.Default:
			g.Spec.Version = w.from
		default:
			s.follow(&g, w)
		}
		if err := store.Put(tx, &g); err != nil {
			return c, err
		}
	}
	c.Spec.Template, c.Spec.Version, c.Spec.Labels = w.template.ID, w.to, w.labels(c.Spec.Labels)
	return c, s.begin(tx, caller, &c, w.change(c.Name))
}

func (s *Service) upgradeGroup(tx store.Tx, caller jeroboam.Caller, w upgrade) (jeroboam.Cluster, error) {
	c, g := w.cluster, w.group
	s.follow(&g, w)
	if err := store.Put(tx, &g); err != nil {
		return c, err
	}
	return c, s.begin(tx, caller, &c, w.change(g.Name))
}

// follow makes a group's version the cluster's.
func (s *Service) follow(g *jeroboam.NodeGroup, w upgrade) {
	g.Spec.Version, g.Spec.Batch, g.Spec.Labels = "", w.Batch, w.labels(g.Spec.Labels)
	g.Status.State, g.Status.Reason, g.UpdatedAt = jeroboam.UpdateInProgress, "", s.now()
}

// labels are those that are there with the new version: no other label of the
// template reaches what was made without it.
func (w upgrade) labels(have map[string]string) map[string]string {
	said, says := w.template.Labels[drivers.LabelVersion]
	_, had := have[drivers.LabelVersion]
	if !says && !had {
		return have
	}
	labels := jeroboam.MergeLabels(have, nil)
	maps.Copy(labels, map[string]string{drivers.LabelVersion: cmp.Or(said, w.to)})
	return labels
}

func (w upgrade) change(what string) change {
	summary := fmt.Sprintf("%s %s -> %s", what, w.from, w.to)
	if w.from == w.to {
		summary = fmt.Sprintf("%s to template %s", what, w.template.Name)
	}
	return change{jeroboam.VerbUpgrade, summary, jeroboam.UpdateInProgress, w.cluster.Spec.CreateTimeout}
}
