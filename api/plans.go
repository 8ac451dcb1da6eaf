package api

import (
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/service/forecast"
)

func clusterPlan(s *server, r *request) (reply, error) {
	p, err := s.Service.ClusterPlan(r.Context(), r.caller, r.vars["cluster"])
	if err != nil {
		return reply{}, err
	}
	return ok(planOf(p))
}

// rehearse answers what the route's change would do.
func (s *server) rehearse(rt *route, r *request) (reply, error) {
	var warnings []string
	p, err := s.Service.Rehearse(r.Context(), func(stage *service.Service) error {
		scene := *s
		scene.Service = stage
		rep, err := rt.do(&scene, r)
		warnings = rep.warnings
		return err
	})
	if err != nil {
		return reply{}, err
	}
	rep, err := ok(planOf(p))
	rep.warnings = warnings
	return rep, err
}

func planOf(p forecast.Plan) wire.Plan {
	shown := wire.Plan{ClusterUUID: p.Cluster.ID, Verb: p.Operation.Verb, Summary: p.Operation.Summary, Steps: []wire.PlanStep{}}
	planned := map[string]bool{}
	for _, step := range p.Steps {
		planned[step.Name] = true
	}
	for _, step := range p.Steps {
		line := wire.PlanStep{Name: step.Name, After: []string{}}
		for _, need := range step.Needs {
			if planned[need] {
				line.After = append(line.After, need)
			}
		}
		if e, does := step.Effect(p.Cluster); does {
			line.Changes = &wire.ResourceChange{Action: e.Verb, Kind: e.Kind, Name: e.Name, Flavor: e.Flavor, Image: e.Image,
				ID: e.CloudID, SizeGB: e.SizeGB, Of: e.Of}
		}
		shown.Steps = append(shown.Steps, line)
	}
	return shown
}
