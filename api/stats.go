package api

import (
	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

func stats(s *server, r *request) (reply, error) {
	if kind := r.query.Get("type"); kind != "" && kind != "cluster" {
		return reply{}, jeroboam.Errorf(jeroboam.Invalid, "type", "Invalid stats type. Allowed values are 'cluster'")
	}
	n, err := s.Service.Stats(r.Context(), r.caller, r.query.Get("project_id"))
	if err != nil {
		return reply{}, err
	}
	return ok(wire.Stats{Clusters: n.Clusters, Nodes: n.Nodes})
}

// services names this process as Magnum names its worker: clients look for
// that word.
func services(s *server, r *request) (reply, error) {
	found, err := s.Service.Instances(r.caller)
	if err != nil {
		return reply{}, err
	}
	list := wire.Services{Items: make([]wire.Service, 0, len(found))}
	for i, p := range found {
		list.Items = append(list.Items, wire.Service{Host: p.Host, Binary: "magnum-conductor", State: "up", ID: i + 1,
			ReportCount: p.Reports, CreatedAt: wire.Time{Time: p.Started}, UpdatedAt: wire.Time{Time: p.Seen}})
	}
	return ok(list)
}
