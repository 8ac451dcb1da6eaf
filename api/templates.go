package api

import (
	"net/http"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

func listTemplates(s *server, r *request) (reply, error) {
	p, err := wire.DecodePage(r.query)
	if err != nil {
		return reply{}, err
	}
	found, err := s.Service.Templates(r.Context(), r.caller, r.page(p))
	if err != nil {
		return reply{}, err
	}
	list := wire.Templates{Items: make([]wire.Template, 0, len(found))}
	for _, t := range found {
		list.Items = append(list.Items, r.site.TemplateOf(t))
	}
	if n := len(found); n > 0 {
		list.Next = r.site.Next(r.collection("clustertemplates"), p, n, found[n-1].ID, nil)
	}
	return ok(list)
}

func showTemplate(s *server, r *request) (reply, error) {
	t, err := s.Service.Template(r.Context(), r.caller, r.vars["template"])
	if err != nil {
		return reply{}, err
	}
	return ok(r.site.TemplateOf(t))
}

func createTemplate(s *server, r *request) (reply, error) {
	in, err := wire.DecodeTemplate(r.body)
	if err != nil {
		return reply{}, err
	}
	t, err := s.Service.CreateTemplate(r.Context(), r.caller, in.Template())
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, body: r.site.TemplateOf(t), made: t.ID,
		location: r.site.URL + "/v1/clustertemplates/" + t.ID, warnings: s.Service.LabelWarnings(t.COE, t.Labels)}, nil
}

func updateTemplate(s *server, r *request) (reply, error) {
	patch, err := wire.DecodeTemplatePatch(r.body)
	if err != nil {
		return reply{}, err
	}
	t, err := s.Service.UpdateTemplate(r.Context(), r.caller, r.vars["template"],
		func(t jeroboam.Template) (jeroboam.Template, error) { return patch.Template(t) })
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: r.site.TemplateOf(t), warnings: s.Service.LabelWarnings(t.COE, t.Labels)}, nil
}

func deleteTemplate(s *server, r *request) (reply, error) {
	return done(s.Service.DeleteTemplate(r.Context(), r.caller, r.vars["template"]))
}
