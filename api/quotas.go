package api

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

func listQuotas(s *server, r *request) (reply, error) {
	p, err := wire.DecodeNumberedPage(r.query)
	if err != nil {
		return reply{}, err
	}
	all, err := r.flag("all_tenants")
	if err != nil {
		return reply{}, err
	}
	found, err := s.Service.Quotas.List(r.Context(), r.caller, all, r.page(p))
	if err != nil {
		return reply{}, err
	}
	list := wire.Quotas{Items: make([]wire.Quota, 0, len(found))}
	for _, q := range found {
		list.Items = append(list.Items, wire.QuotaOf(q.Quota, q.InUse))
	}
	if n := len(found); n > 0 {
		kept := url.Values{}
		if all {
			kept.Set("all_tenants", "True")
		}
		list.Next = r.site.Next("quotas", p, n, strconv.FormatInt(found[n-1].Seq, 10), kept)
	}
	return ok(list)
}

func showQuota(s *server, r *request) (reply, error) {
	q, err := s.Service.Quotas.Get(r.Context(), r.caller, r.vars["project"], r.vars["resource"])
	if err != nil {
		return reply{}, err
	}
	return ok(wire.QuotaOf(q.Quota, q.InUse))
}

func createQuota(s *server, r *request) (reply, error) {
	in, err := wire.DecodeQuota(r.body, "")
	if err != nil {
		return reply{}, err
	}
	q, err := s.Service.Quotas.Create(r.Context(), r.caller,
		jeroboam.Quota{Project: in.ProjectID, Resource: in.Resource, HardLimit: in.HardLimit})
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, body: wire.QuotaOf(q.Quota, q.InUse), made: q.Project}, nil
}

func updateQuota(s *server, r *request) (reply, error) {
	in, err := wire.DecodeQuota(r.body, r.vars["resource"])
	if err != nil {
		return reply{}, err
	}
	q, err := s.Service.Quotas.Update(r.Context(), r.caller, r.vars["project"], r.vars["resource"], in.HardLimit)
	if err != nil {
		return reply{}, err
	}
	return accepted(wire.QuotaOf(q.Quota, q.InUse))
}

func deleteQuota(s *server, r *request) (reply, error) {
	return done(s.Service.Quotas.Delete(r.Context(), r.caller, r.vars["project"], r.vars["resource"]))
}
