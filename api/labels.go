package api

import "github.com/jeroboam-cloud/jeroboam/api/wire"

// listLabels tells any caller which labels there are.
func listLabels(s *server, r *request) (reply, error) {
	found, err := s.Service.Labels(r.query.Get("coe"))
	if err != nil {
		return reply{}, err
	}
	list := wire.Labels{Items: make([]wire.Label, 0, len(found))}
	for _, l := range found {
		list.Items = append(list.Items, wire.LabelOf(l))
	}
	return ok(list)
}
