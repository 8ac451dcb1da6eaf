package service

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/quota"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// DeleteCluster asks for the end of a cluster, from any state. Asking again
// while it goes on changes no more than the wish for its data; asking again
// after a failure tries again. A wish of "" is the one before, or that of the
// cluster's label.
func (s *Service) DeleteCluster(ctx context.Context, caller jeroboam.Caller, ident string, data jeroboam.DataWish) error {
	if err := checkDataWish(data); err != nil {
		return err
	}
	return s.Store.Update(ctx, func(tx store.Tx) error {
		c, err := s.gate.Cluster(tx, caller, ident, access.Everywhere("cluster:delete"))
		if err != nil {
			return err
		}
		before := c.Spec.Data
		c.Spec.Data = dataWish(c.Spec, data)
		if c.Spec.Deleted && c.Status.State == jeroboam.DeleteInProgress {
			return s.rethink(tx, c, before)
		}
		c.Spec.Deleted = true
		if err := s.Federations.LeaveAll(tx, c); err != nil {
			return err
		}
		if err := quota.DropCluster(tx, c.ID); err != nil {
			return err
		}
		return s.begin(tx, caller, &c, change{verb: jeroboam.VerbDelete, summary: c.Name, state: jeroboam.DeleteInProgress})
	})
}

func checkDataWish(data jeroboam.DataWish) error {
	switch data {
	case "", jeroboam.KeepData, jeroboam.RemoveData:
		return nil
	}
	return jeroboam.Errorf(jeroboam.Invalid, "data", "Invalid input for field/attribute data. Value: %s. Value should be one of: %s, %s",
		jeroboam.QuoteLabel(string(data)), jeroboam.KeepData, jeroboam.RemoveData)
}

// dataWish is what counts: the word of the request, the one before, the label.
func dataWish(c jeroboam.ClusterSpec, data jeroboam.DataWish) jeroboam.DataWish {
	switch {
	case data != "":
		return data
	case c.Data != "":
		return c.Data
	}
	return jeroboam.DataWish(dataOnDelete.In(c.Labels))
}

// rethink lets the last word count for the data of a cluster that is on its way
// out, as far as it is still there.
func (s *Service) rethink(tx store.Tx, c jeroboam.Cluster, before jeroboam.DataWish) error {
	if c.Spec.Data == before {
		return nil
	}
	if err := store.Put(tx, &c); err != nil {
		return err
	}
	return tx.Wake(c.ID)
}
