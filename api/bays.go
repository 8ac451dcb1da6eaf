package api

import (
	"net/http"

	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

// today replaces the name that a collection had before, bays or baymodels, by
// the one it has, and tells whether it did.
func today(path []string) bool {
	if len(path) < 2 || len(path) > 3 {
		return false
	}
	name, older := wire.Today(path[1])
	if older {
		path[1] = name
	}
	return older
}

// asBay gives an answer the names and statuses from the time when clusters were
// called bays.
func (s *server) asBay(r *request, rep reply) (reply, error) {
	if rep.body == nil {
		return rep, nil
	}
	var err error
	if id, changed := rep.body.(wire.UUID); changed && r.site.BaysInFull() {
		if rep, err = s.changedBay(r, id.UUID, rep.warnings); err != nil {
			return rep, err
		}
	}
	rep.location = wire.BayAddress(rep.location, "clustertemplates", "baymodels")
	rep.body, err = wire.ToBay(rep.body)
	return rep, err
}

// changedBay is the answer to a change before changes took their time.
func (s *server) changedBay(r *request, id string, warnings []string) (reply, error) {
	c, err := s.Service.Cluster(r.Context(), r.caller, id)
	if err != nil {
		return reply{}, err
	}
	rep := reply{status: http.StatusOK, body: r.site.ClusterShown(parts(c)), warnings: warnings}
	if r.Method == http.MethodPost {
		rep.status, rep.location = http.StatusCreated, r.site.URL+"/v1/bays/"+id
	}
	return rep, nil
}
