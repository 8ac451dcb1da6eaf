package service

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// minNodes is a label that this package obeys itself, for every COE.
var minNodes = jeroboam.Label{Name: "min_node_count", Type: jeroboam.LabelInt, Default: "0", Since: "0.1",
	Meaning: "Fewest nodes that the default worker group may be resized to.", Effect: "the least size of default-worker"}

// dataOnDelete is obeyed here too: see DeleteCluster.
var dataOnDelete = jeroboam.Label{Name: "data_on_delete", Type: jeroboam.LabelEnum, Values: []string{string(jeroboam.KeepData), string(jeroboam.RemoveData)},
	Default: string(jeroboam.KeepData), Since: "0.1",
	Meaning: "What becomes of the volumes, snapshots and shares that a cluster has made for its claims when it is deleted and the request does not say.",
	Effect:  "the deletion of clusters"}

// labelRegistry is every label there is, by name: all of them, and those of each
// COE that a driver serves.
type labelRegistry struct {
	all []jeroboam.Label
	of  map[string][]jeroboam.Label
}

func newLabelRegistry(drivers []Driver) labelRegistry {
	r := labelRegistry{append(coe.Magnum(), minNodes, dataOnDelete, jeroboam.APIAccess, plan.LabelAddress), map[string][]jeroboam.Label{}}
	for _, d := range drivers {
		for _, l := range slices.Concat(d.Engine.Traits().Labels, d.Labels) {
			r.obeyed(l, d.COE)
		}
		r.of[d.COE] = nil
	}
	slices.SortStableFunc(r.all, func(a, b jeroboam.Label) int { return cmp.Compare(a.Name, b.Name) })
	for coe := range r.of {
		r.of[coe] = r.suiting(coe)
	}
	return r
}

// obeyed takes in a label that a COE, or a cloud that it runs on, obeys, in the
// place of what was known of it without effect.
func (r *labelRegistry) obeyed(l jeroboam.Label, coe string) {
	at := slices.IndexFunc(r.all, func(known jeroboam.Label) bool {
		return known.Name == l.Name && slices.Equal(known.COEs, []string{coe})
	})
	if at < 0 {
		at = len(r.all)
		r.all = append(r.all, l)
	}
	l.COEs = []string{coe}
	r.all[at] = l
}

func (r labelRegistry) suiting(coe string) []jeroboam.Label {
	return slices.DeleteFunc(slices.Clone(r.all), func(l jeroboam.Label) bool { return !l.Suits(coe) })
}

// Labels lists the labels of a COE by name, those of all COEs for "".
func (s *Service) Labels(coe string) ([]jeroboam.Label, error) {
	if coe == "" {
		return slices.Clone(s.labels.all), nil
	}
	have := slices.Collect(maps.Keys(s.labels.of))
	for _, l := range s.labels.all {
		have = append(have, l.COEs...)
	}
	slices.Sort(have)
	if !slices.Contains(have, coe) {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "coe", "There are no labels of the COE %s.", jeroboam.QuoteLabel(coe)).
			WithRemedy("Use one of: %s.", strings.Join(slices.Compact(have), ", "))
	}
	return s.labels.suiting(coe), nil
}

// checkLabels refuses values that their labels cannot have and, if the operator
// is strict, labels that do nothing.
func (s *Service) checkLabels(coe string, labels map[string]string) error {
	if err := jeroboam.CheckLabels(s.labels.of[coe], labels); err != nil {
		return err
	}
	return s.refuseIdle(s.LabelWarnings(coe, labels))
}

// checkGroupLabels does so for a group's labels, of which those of its cluster
// have been judged.
func (s *Service) checkGroupLabels(g NodeGroup) error {
	if err := jeroboam.CheckLabels(s.labels.of[g.COE], g.ownLabels()); err != nil {
		return err
	}
	return s.refuseIdle(s.GroupLabelWarnings(g))
}

// refuseIdle is what strict means.
func (s *Service) refuseIdle(warnings []string) error {
	if !s.StrictLabels || len(warnings) == 0 {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Invalid, "labels", "%s", strings.Join(warnings, " ")).
		WithRemedy("Leave out what has no effect: this service refuses it. GET /v1/labels lists the labels there are.")
}

// LabelWarnings tells in sentences which labels of a template or cluster have
// no effect, by name; of very many the first ones and how many more.
func (s *Service) LabelWarnings(coe string, labels map[string]string) []string {
	known := s.labels.of[coe]
	return warnings(labels, func(name string) string { return idle(known, coe, name) })
}

// ClusterWarnings tells the same of a cluster, and which of its other wishes has
// no effect on its cloud.
func (s *Service) ClusterWarnings(c jeroboam.Cluster) []string {
	all := s.LabelWarnings(c.Spec.COE, c.Spec.Labels)
	if d, err := s.driverOf(c); err == nil && c.Spec.DockerVolumeSize > 0 && !d.Volumes {
		all = append(all, fmt.Sprintf("docker_volume_size has no effect: the cloud of the driver %s has no volumes.", d.Name))
	}
	return all
}

// GroupLabelWarnings does so for the labels that a group does not have from its
// cluster. None of them has an effect: every label is read of the cluster.
func (s *Service) GroupLabelWarnings(g NodeGroup) []string {
	known := s.labels.of[g.COE]
	return warnings(g.ownLabels(), func(name string) string {
		if text := idle(known, g.COE, name); text != "" {
			return text
		}
		return fmt.Sprintf("The label %s has no effect on a node group: it is read of the cluster.", name)
	})
}

// ownLabels are the labels of a group that differ from its cluster's.
func (g NodeGroup) ownLabels() map[string]string {
	own := maps.Clone(g.Spec.Labels)
	maps.DeleteFunc(own, func(name, v string) bool {
		inherited, has := g.ClusterLabels[name]
		return has && inherited == v
	})
	return own
}

// idle says why a label has no effect; "" if it has one.
func idle(known []jeroboam.Label, coe, name string) string {
	at := slices.IndexFunc(known, func(l jeroboam.Label) bool { return l.Name == name })
	switch {
	case at < 0:
		return fmt.Sprintf("The label %s is unknown to %s clusters and has no effect.", jeroboam.QuoteLabel(name), coe)
	case known[at].Effect == "":
		return fmt.Sprintf("The label %s is known from Magnum and has no effect here.", name)
	}
	return ""
}

// checkCredential refuses what calls the cloud in the cluster's name where the
// cloud gives clusters no credential to do so.
func checkCredential(d Driver, labels map[string]string) error {
	if d.Credentials {
		return nil
	}
	var names []string
	for _, l := range d.Engine.Traits().Labels {
		if l.Credential && strings.EqualFold(labels[l.Name], "true") {
			names = append(names, l.Name)
		}
	}
	if names == nil {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Invalid, names[0], "What %s asks for calls the cloud, and the cloud of the driver %s gives clusters no credential for it.",
		strings.Join(names, ", "), d.Name).
		WithRemedy("Leave it out or set it to false, or use an image of a driver whose cloud gives credentials.")
}

// maxWarnings keeps answers and event streams readable however many labels
// there are.
const maxWarnings = 10

func warnings(labels map[string]string, judge func(name string) string) []string {
	var out []string
	more := 0
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		text := judge(name)
		switch {
		case text == "":
		case len(out) < maxWarnings:
			out = append(out, text)
		default:
			more++
		}
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("%d more labels have no effect.", more))
	}
	return out
}

// Words of the warning events of this package.
const (
	eventWarning = "warning"
	stateLabel   = "label"
)

// warn leaves the warnings with the operation that the cluster has begun.
func (s *Service) warn(tx store.Tx, c jeroboam.Cluster, warnings []string) error {
	for i, text := range warnings {
		event := jeroboam.Event{ID: c.Status.Operation + "/label/" + strconv.Itoa(i), Cluster: c.ID, Project: c.Project,
			Operation: c.Status.Operation, Type: eventWarning, State: stateLabel, Message: text, At: s.now()}
		if err := store.Put(tx, &event); err != nil {
			return err
		}
	}
	return nil
}
