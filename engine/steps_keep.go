package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/journal"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// dependents finds what the cluster has made for itself and the ledger does not
// know. What was kept is in the ledger, and is found no more.
func (t task) dependents(ctx context.Context) ([]jeroboam.Resource, error) {
	lister, ok := t.driver.Cloud.(cloud.Dependents)
	if !ok {
		return nil, nil
	}
	var all []cloud.Dependent
	err := t.call(ctx, "list dependents", func() (err error) {
		all, err = lister.Dependents(ctx, t.scope())
		return err
	})
	if err != nil {
		return nil, err
	}
	var fresh []jeroboam.Resource
	for _, d := range all {
		line := d.Line(t.snap.Cluster)
		line.CreatedAt = t.run.Now().UTC()
		known := slices.ContainsFunc(t.snap.Ledger, func(r jeroboam.Resource) bool {
			return r.ID == line.ID || r.Kind == line.Kind && r.CloudID == line.CloudID
		})
		if !known {
			fresh = append(fresh, line)
		}
	}
	return fresh, nil
}

// keep writes down, in the journal too, that an object outlives its cluster.
func (t task) keep(ctx context.Context) error {
	return store.Retry(ctx, t.run.Store, func(tx store.Tx) error {
		r, err := store.Edit(tx, t.step.Object.ID, func(r *jeroboam.Resource) { r.State = jeroboam.ResourceKept })
		if err != nil {
			return err
		}
		return t.run.journal.Write(tx, t.operation(), t.step.Name, journal.Entry{State: jeroboam.StepDone,
			Message: described(r) + "; it holds data and stays in the project"})
	})
}

// described tells of an object what its name does not, e.g. "4c7e…, 10 GB, of
// default/data".
func described(r jeroboam.Resource) string {
	words := []string{r.CloudID}
	if r.SizeGB > 0 {
		words = append(words, fmt.Sprintf("%d GB", r.SizeGB))
	}
	if r.Of != "" {
		words = append(words, "of "+r.Of)
	}
	return strings.Join(words, ", ")
}

// farewell is the last word on a cluster: what it has left behind.
func farewell(ledger []jeroboam.Resource) string {
	const most = 20
	var names []string
	for _, r := range ledger {
		if r.State == jeroboam.ResourceKept {
			names = append(names, fmt.Sprintf("%s %s (%s)", r.Kind, r.Name, described(r)))
		}
	}
	if len(names) == 0 {
		return "The cluster is gone."
	}
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more, of which the journal tells", more))
	}
	return "The cluster is gone. It has left its data: " + strings.Join(names, ", ") + "."
}
