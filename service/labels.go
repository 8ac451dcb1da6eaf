package service

import (
	"fmt"
	"maps"
	"strconv"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/service/drivers"
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

// newTable is the table with the labels that are no driver's.
func newTable(o Options) *drivers.Table {
	return drivers.New(drivers.Options{Drivers: o.Drivers, Versions: o.Versions, Strict: o.StrictLabels,
		Common: append(coe.Magnum(), minNodes, dataOnDelete, jeroboam.APIAccess, plan.LabelAddress)})
}

// Labels lists the labels of a COE by name, those of all COEs for "".
func (s *Service) Labels(coe string) ([]jeroboam.Label, error) { return s.drivers.Labels(coe) }

// LabelWarnings tells in sentences which labels of a template or cluster have
// no effect, by name; of very many the first ones and how many more.
func (s *Service) LabelWarnings(coe string, labels map[string]string) []string {
	return s.drivers.Idle(coe, labels)
}

// ClusterWarnings tells the same of a cluster, and which of its other wishes has
// no effect on its cloud.
func (s *Service) ClusterWarnings(c jeroboam.Cluster) []string {
	all := s.LabelWarnings(c.Spec.COE, c.Spec.Labels)
	if d, err := s.drivers.Of(c); err == nil && c.Spec.DockerVolumeSize > 0 && !d.Volumes {
		all = append(all, fmt.Sprintf("docker_volume_size has no effect: the cloud of the driver %s has no volumes.", d.Name))
	}
	return all
}

// GroupLabelWarnings does so for the labels that a group does not have from its
// cluster.
func (s *Service) GroupLabelWarnings(g NodeGroup) []string {
	return s.drivers.IdleOfGroup(g.COE, g.ownLabels())
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
