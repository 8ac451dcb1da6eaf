package api

import (
	"net/http"
	"net/url"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/service"
)

func listGroups(s *server, r *request) (reply, error) {
	p, err := wire.DecodePage(r.query)
	if err != nil {
		return reply{}, err
	}
	role := r.query.Get("role")
	found, err := s.Service.NodeGroups(r.Context(), r.caller, r.vars["cluster"], role, r.page(p))
	if err != nil {
		return reply{}, err
	}
	list := wire.NodeGroups{Items: make([]wire.NodeGroupBrief, 0, len(found))}
	for _, g := range found {
		list.Items = append(list.Items, r.site.NodeGroupBriefOf(g))
	}
	if n := len(found); n > 0 {
		kept := url.Values{}
		if role != "" {
			kept.Set("role", role)
		}
		list.Next = r.site.Next("clusters/"+found[0].Cluster+"/nodegroups", p, n, found[n-1].ID, kept)
	}
	return ok(list)
}

func (r *request) group(g service.NodeGroup) wire.NodeGroup {
	return r.site.NodeGroupOf(g.NodeGroup, g.ClusterLabels)
}

func showGroup(s *server, r *request) (reply, error) {
	g, err := s.Service.NodeGroup(r.Context(), r.caller, r.vars["cluster"], r.vars["group"])
	if err != nil {
		return reply{}, err
	}
	return ok(r.group(g))
}

func createGroup(s *server, r *request) (reply, error) {
	in, err := wire.DecodeNodeGroup(r.body)
	if err != nil {
		return reply{}, err
	}
	least := 0
	if in.MinNodeCount != nil {
		least = *in.MinNodeCount
	}
	g, err := s.Service.CreateNodeGroup(r.Context(), r.caller, r.vars["cluster"], service.NodeGroupRequest{
		Name: in.Name, Role: in.Role, Count: in.NodeCount, Min: least, Max: in.MaxNodeCount, Flavor: in.FlavorID,
		Image: in.ImageID, DockerVolumeSize: in.DockerVolumeSize, Labels: in.Labels, MergeLabels: in.MergeLabels,
		NodeLabels: in.NodeLabels, NodeTaints: in.NodeTaints,
	})
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusAccepted, body: r.group(g), made: g.ID, warnings: s.Service.GroupLabelWarnings(g)}, nil
}

func updateGroup(s *server, r *request) (reply, error) {
	patch, err := wire.DecodeNodeGroupPatch(r.body)
	if err != nil {
		return reply{}, err
	}
	g, err := s.Service.UpdateNodeGroup(r.Context(), r.caller, r.vars["cluster"], r.vars["group"],
		func(g jeroboam.NodeGroup) (service.NodeGroupChange, error) {
			ch, err := patch.NodeGroup(g)
			return service.NodeGroupChange(ch), err
		})
	if err != nil {
		return reply{}, err
	}
	return accepted(r.group(g))
}

func deleteGroup(s *server, r *request) (reply, error) {
	return done(s.Service.DeleteNodeGroup(r.Context(), r.caller, r.vars["cluster"], r.vars["group"]))
}
