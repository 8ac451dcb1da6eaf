package api

import (
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

func listOperations(s *server, r *request) (reply, error) {
	found, err := s.Service.Operations(r.Context(), r.caller, r.vars["cluster"])
	if err != nil {
		return reply{}, err
	}
	list := wire.Operations{Items: make([]wire.Operation, 0, len(found))}
	for _, op := range found {
		list.Items = append(list.Items, wire.OperationOf(op, nil))
	}
	return ok(list)
}

func retryCluster(s *server, r *request) (reply, error) {
	c, err := s.Service.RetryCluster(r.Context(), r.caller, r.vars["cluster"])
	if err != nil {
		return reply{}, err
	}
	return accepted(wire.UUID{UUID: c.ID})
}

func showOperation(s *server, r *request) (reply, error) {
	p, err := s.Service.Operation(r.Context(), r.caller, r.vars["operation"])
	if err != nil {
		return reply{}, err
	}
	return ok(wire.OperationOf(p.Operation, p.Steps))
}

func listMachines(s *server, r *request) (reply, error) {
	found, err := s.Service.Machines(r.Context(), r.caller, r.vars["cluster"])
	if err != nil {
		return reply{}, err
	}
	list := wire.Machines{Items: make([]wire.Machine, 0, len(found))}
	for _, m := range found {
		list.Items = append(list.Items, wire.MachineOf(m))
	}
	return ok(list)
}
