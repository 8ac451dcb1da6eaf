package api

import (
	"net/http"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/service"
)

func parts(c service.Cluster) wire.ClusterParts {
	return wire.ClusterParts{Cluster: c.Cluster, Groups: c.Groups, TemplateLabels: c.TemplateLabels}
}

func (s *server) clusters(r *request) ([]service.Cluster, string, error) {
	p, err := wire.DecodePage(r.query)
	if err != nil {
		return nil, "", err
	}
	found, err := s.Service.Clusters(r.Context(), r.caller, r.page(p))
	if err != nil || len(found) == 0 {
		return nil, "", err
	}
	n := len(found)
	return found, r.site.Next(r.collection("clusters"), p, n, found[n-1].ID, nil), nil
}

func listClusters(s *server, r *request) (reply, error) {
	found, next, err := s.clusters(r)
	if err != nil {
		return reply{}, err
	}
	list := wire.ClustersBrief{Items: make([]wire.ClusterBrief, 0, len(found)), Next: next}
	for _, c := range found {
		list.Items = append(list.Items, r.site.ClusterBriefOf(parts(c)))
	}
	return ok(list)
}

func detailClusters(s *server, r *request) (reply, error) {
	found, next, err := s.clusters(r)
	if err != nil {
		return reply{}, err
	}
	list := wire.Clusters{Items: make([]wire.Cluster, 0, len(found)), Next: next}
	for _, c := range found {
		list.Items = append(list.Items, r.site.ClusterOf(parts(c)))
	}
	return ok(list)
}

func showCluster(s *server, r *request) (reply, error) {
	c, err := s.Service.Cluster(r.Context(), r.caller, r.vars["cluster"])
	if err != nil {
		return reply{}, err
	}
	return ok(r.site.ClusterShown(parts(c)))
}

func createCluster(s *server, r *request) (reply, error) {
	in, err := wire.DecodeCluster(r.body, r.site.Version)
	if err != nil {
		return reply{}, err
	}
	c, err := s.Service.CreateCluster(r.Context(), r.caller, clusterRequest(in))
	if err != nil {
		return reply{}, unknownTemplate(err, r)
	}
	return reply{status: http.StatusAccepted, body: wire.UUID{UUID: c.ID}, made: c.ID,
		warnings: s.Service.ClusterWarnings(c)}, nil
}

// unknownTemplate keeps the 400 that older versions give for it, and bays always.
func unknownTemplate(err error, r *request) error {
	e, is := jeroboam.AsError(err)
	if !is || e.Kind != jeroboam.NotFound || e.Reason != "template" || r.site.Version >= wire.VersionZeroNodes && !r.older {
		return err
	}
	return invalid(e)
}

// invalid is the same error as the user's mistake.
func invalid(e *jeroboam.Error) error {
	as := *e
	as.Kind = jeroboam.Invalid
	return &as
}

func clusterRequest(in wire.ClusterCreate) service.ClusterRequest {
	r := service.ClusterRequest{
		Name: in.Name, Template: in.ClusterTemplateID, Masters: in.MasterCount, Workers: in.NodeCount, Keypair: in.Keypair,
		Flavor: in.FlavorID, MasterFlavor: in.MasterFlavorID, Labels: in.Labels, MergeLabels: in.MergeLabels,
		DiscoveryURL: in.DiscoveryURL, DockerVolumeSize: in.DockerVolumeSize, FixedNetwork: in.FixedNetwork,
		FixedSubnet: in.FixedSubnet, FloatingIP: in.FloatingIPEnabled, MasterLB: in.MasterLBEnabled,
	}
	if in.CreateTimeout != nil {
		limit := time.Duration(*in.CreateTimeout) * time.Minute
		r.CreateTimeout = &limit
	}
	return r
}

func updateCluster(s *server, r *request) (reply, error) {
	if err := checkRollback(r); err != nil {
		return reply{}, err
	}
	patch, err := wire.DecodeClusterPatch(r.body)
	if err != nil {
		return reply{}, err
	}
	c, err := s.Service.Cluster(r.Context(), r.caller, r.vars["cluster"])
	if err != nil {
		return reply{}, err
	}
	ch, err := patch.Cluster(parts(c), r.site.Version)
	if err != nil {
		return reply{}, err
	}
	changed, err := s.Service.UpdateCluster(r.Context(), r.caller, c.ID,
		service.ClusterChange{NodeCount: ch.NodeCount, Health: ch.Health, HealthReason: ch.HealthReason})
	if err != nil {
		return reply{}, err
	}
	return accepted(wire.UUID{UUID: changed.ID})
}

// checkRollback accepts the wish to roll back: a failed change here can always
// be planned anew, so there is nothing else to do for it.
func checkRollback(r *request) error {
	if !r.query.Has("rollback") {
		return nil
	}
	if r.site.Version < wire.VersionRollback {
		return wire.CheckArgs(r.query, nil)
	}
	_, err := r.flag("rollback")
	return err
}

func deleteCluster(s *server, r *request) (reply, error) {
	return done(s.Service.DeleteCluster(r.Context(), r.caller, r.vars["cluster"], jeroboam.DataWish(r.query.Get(wire.DataArg))))
}

func resizeCluster(s *server, r *request) (reply, error) {
	in, err := wire.DecodeResize(r.body, r.site.Version)
	if err != nil {
		return reply{}, err
	}
	c, err := s.Service.ResizeCluster(r.Context(), r.caller, r.vars["cluster"],
		service.Resize{Count: in.NodeCount, Group: in.NodeGroup, Remove: in.NodesToRemove})
	if err != nil {
		return reply{}, err
	}
	return accepted(wire.UUID{UUID: c.ID})
}

func upgradeCluster(s *server, r *request) (reply, error) {
	if r.site.Version < wire.VersionUpgrade {
		return reply{}, jeroboam.Errorf(jeroboam.Invalid, "version",
			"Cluster upgrade is not supported in the provided microversion.")
	}
	in, err := wire.DecodeUpgrade(r.body)
	if err != nil {
		return reply{}, err
	}
	up := service.Upgrade{Template: in.ClusterTemplate, Group: in.NodeGroup}
	if in.MaxBatchSize != nil {
		up.Batch = *in.MaxBatchSize
	}
	c, err := s.Service.UpgradeCluster(r.Context(), r.caller, r.vars["cluster"], up)
	if err != nil {
		return reply{}, err
	}
	return accepted(wire.UUID{UUID: c.ID})
}
