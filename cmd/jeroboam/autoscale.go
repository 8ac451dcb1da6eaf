package main

import (
	"context"
	"net/http"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/autoscale"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// autoscale answers the autoscalers of the clusters.
func (h *house) autoscale() http.Handler {
	drivers := map[string]autoscale.Driver{}
	for _, d := range h.drivers {
		if scaler, ok := d.coe.(coe.Scaler); ok {
			drivers[d.Name] = autoscale.Driver{Scaler: scaler, Flavors: d.cloud}
		}
	}
	return autoscale.New(autoscale.Options{Service: h.verbs, Project: h.projectOf, Drivers: drivers, Logger: h.log})
}

func (h *house) projectOf(ctx context.Context, cluster string) (string, error) {
	var c jeroboam.Cluster
	err := h.store.View(ctx, func(tx store.Tx) (err error) {
		c, err = store.Get[jeroboam.Cluster](tx, cluster)
		return err
	})
	return c.Project, err
}
