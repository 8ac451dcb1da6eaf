package api

import (
	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/service/federation"
)

func grouped(f federation.Federation) wire.FederationParts {
	return wire.FederationParts{Federation: f.Federation, Clusters: f.Clusters, Health: f.Health()}
}

func (s *server) federations(r *request) ([]federation.Federation, string, error) {
	p, err := wire.DecodePage(r.query)
	if err != nil {
		return nil, "", err
	}
	found, err := s.Service.Federations.List(r.Context(), r.caller, r.page(p))
	if err != nil || len(found) == 0 {
		return nil, "", err
	}
	n := len(found)
	return found, r.site.Next(r.collection("federations"), p, n, found[n-1].ID, nil), nil
}

func listFederations(s *server, r *request) (reply, error) {
	found, next, err := s.federations(r)
	if err != nil {
		return reply{}, err
	}
	list := wire.FederationsBrief{Items: make([]wire.FederationBrief, 0, len(found)), Next: next}
	for _, f := range found {
		list.Items = append(list.Items, r.site.FederationBriefOf(grouped(f)))
	}
	return ok(list)
}

func detailFederations(s *server, r *request) (reply, error) {
	found, next, err := s.federations(r)
	if err != nil {
		return reply{}, err
	}
	list := wire.Federations{Items: make([]wire.Federation, 0, len(found)), Next: next}
	for _, f := range found {
		list.Items = append(list.Items, r.site.FederationOf(grouped(f)))
	}
	return ok(list)
}

func showFederation(s *server, r *request) (reply, error) {
	f, err := s.Service.Federations.Get(r.Context(), r.caller, r.vars["federation"])
	if err != nil {
		return reply{}, err
	}
	return ok(r.site.FederationOf(grouped(f)))
}

func createFederation(s *server, r *request) (reply, error) {
	in, err := wire.DecodeFederation(r.body)
	if err != nil {
		return reply{}, err
	}
	f, err := s.Service.Federations.Create(r.Context(), r.caller, federation.Request{
		Name: in.Name, Host: in.HostClusterID, Members: in.MemberIDs, Properties: in.Properties})
	if err != nil {
		return reply{}, err
	}
	return accepted(wire.UUID{UUID: f.ID})
}

// updateFederation accepts the wish to roll back: nothing is made that could be.
func updateFederation(s *server, r *request) (reply, error) {
	if _, err := r.flag("rollback"); err != nil {
		return reply{}, err
	}
	patch, err := wire.DecodeFederationPatch(r.body)
	if err != nil {
		return reply{}, err
	}
	f, err := s.Service.Federations.Update(r.Context(), r.caller, r.vars["federation"],
		func(f jeroboam.Federation) (federation.Change, error) {
			ch, err := patch.Federation(f)
			return federation.Change(ch), err
		})
	if err != nil {
		return reply{}, err
	}
	return accepted(wire.UUID{UUID: f.ID})
}

func deleteFederation(s *server, r *request) (reply, error) {
	return done(s.Service.Federations.Delete(r.Context(), r.caller, r.vars["federation"]))
}
