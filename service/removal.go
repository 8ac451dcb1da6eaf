package service

import (
	"slices"
	"strconv"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// addRemovals notes which nodes to take first. A name that fits no machine of
// the group is refused: obeying only the count would take another node than
// the user meant.
func addRemovals(tx store.Tx, g *jeroboam.NodeGroup, names []string) error {
	if len(names) == 0 {
		return nil
	}
	machines, err := store.List[jeroboam.Machine](tx, store.Query{Parent: g.Cluster})
	if err != nil {
		return err
	}
	// The slice may share its array with a record that another try will read.
	remove := slices.Clone(g.Spec.Remove)
	for _, name := range names {
		if !slices.ContainsFunc(machines, func(m jeroboam.Machine) bool { return m.Group == g.ID && answersTo(m, name) }) {
			return jeroboam.Errorf(jeroboam.Invalid, "nodes_to_remove", "Node %s is not in nodegroup %s.", name, g.Name).
				WithRemedy("Name a node by its index, name, ID or address.")
		}
		if !slices.Contains(remove, name) {
			remove = append(remove, name)
		}
	}
	g.Spec.Remove = remove
	return nil
}

// answersTo tells whether a user means the machine. Firmware may report the ID
// in capitals.
func answersTo(m jeroboam.Machine, name string) bool {
	return strings.EqualFold(m.ID, name) || m.Name == name || m.Status.Address == name && name != "" ||
		m.Status.CloudID == name && name != "" || strconv.Itoa(m.Index) == name
}
