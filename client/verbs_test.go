package client_test

import (
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/pki"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

// newCluster is a house with a complete cluster of it.
func newCluster(t *testing.T) (*house, string) {
	t.Helper()
	h := newHouse(t)
	c := connect(t, h.options)
	if _, err := c.CreateTemplate(t.Context(), wire.TemplateCreate{Name: "k8s", COE: apikit.COE, ImageID: apikit.Image, FlavorID: apikit.Flavor}); err != nil {
		t.Fatal(err)
	}
	id, err := c.CreateCluster(t.Context(), wire.ClusterCreate{Name: "demo", ClusterTemplateID: "k8s"})
	if err != nil {
		t.Fatal(err)
	}
	h.converge(t, id)
	return h, id
}

func (h *house) converge(t *testing.T, cluster string) {
	t.Helper()
	if err := h.Converge(t.Context(), cluster); err != nil {
		t.Fatal(err)
	}
}

func TestNodeGroupsByOurClient(t *testing.T) {
	h, id := newCluster(t)
	c, ctx, two := connect(t, h.options), t.Context(), 2
	made, err := c.CreateNodeGroup(ctx, id, wire.NodeGroupCreate{Name: "gpu", NodeCount: &two, Labels: map[string]string{},
		NodeTaints: []jeroboam.Taint{{Key: "gpu", Effect: "NoSchedule"}}})
	if err != nil || len(made.Labels) != 0 || made.NodeTaints[0].Key != "gpu" {
		t.Fatalf("%+v, %v", made, err)
	}
	h.converge(t, id)
	if _, err := c.UpdateNodeGroup(ctx, id, "gpu", wire.Patch{{Op: "add", Path: "/max_node_count", Value: 4}}); err != nil {
		t.Fatal(err)
	}
	h.converge(t, id)
	got, err := c.NodeGroup(ctx, "demo", made.UUID)
	if err != nil || got.Status != jeroboam.UpdateComplete || got.MaxNodeCount == nil || *got.MaxNodeCount != 4 || len(got.NodeAddresses) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := c.DeleteNodeGroup(ctx, id, "gpu"); err != nil {
		t.Fatal(err)
	}
	h.converge(t, id)
	if all, err := c.NodeGroups(ctx, id); err != nil || len(all) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestCertificatesByOurClient(t *testing.T) {
	h, id := newCluster(t)
	c := connect(t, h.options)
	key, _, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := pki.NewCSR(key, "admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"", "etcd", "front_proxy"} {
		ca, err := c.CA(t.Context(), id, kind)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := c.Sign(t.Context(), wire.CertificateSign{ClusterUUID: "demo", CSR: csr, CACertType: kind})
		if err != nil {
			t.Fatal(err)
		}
		parent, err := pki.ParseCertificate(ca.PEM)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := pki.ParseCertificate(signed.PEM)
		if err != nil {
			t.Fatal(err)
		}
		if err := leaf.CheckSignatureFrom(parent); err != nil || signed.CSR != csr {
			t.Errorf("%q: %v", kind, err)
		}
	}
	_, err = c.Sign(t.Context(), wire.CertificateSign{ClusterUUID: id, CSR: "zzz"})
	if e, _ := jeroboam.AsError(err); e == nil || e.Kind != jeroboam.Invalid || e.Detail != "Received invalid csr b'zzz'." {
		t.Errorf("got %#v", err)
	}
}

func TestAClusterChangesByOurClient(t *testing.T) {
	h, id := newCluster(t)
	c, ctx := connect(t, h.options), t.Context()
	for verb, change := range map[string]func() (string, error){
		"upgrade":           func() (string, error) { return c.UpgradeCluster(ctx, id, wire.Upgrade{ClusterTemplate: "k8s"}) },
		"rotate":            func() (string, error) { return c.RotateCA(ctx, id, "") },
		"rotate one":        func() (string, error) { return c.RotateCA(ctx, id, jeroboam.AuthorityEtcd) },
		"rotate credential": func() (string, error) { return c.RotateCredential(ctx, id) },
	} {
		if got, err := change(); err != nil || got != id {
			t.Errorf("%s: %s, %v", verb, got, err)
		}
		if err := h.Converge(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	all, err := c.Operations(ctx, id)
	if err != nil || len(all) != 5 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestQuotasByOurClient(t *testing.T) {
	h := newHouse(t)
	c, ctx := connect(t, h.options), t.Context()
	if q, err := c.Quota(ctx, "p1", "Cluster"); err != nil || q != (wire.Quota{HardLimit: 20, ProjectID: "p1", Resource: "Cluster"}) {
		t.Errorf("%+v, %v", q, err)
	}
	if q, err := c.CreateQuota(ctx, wire.QuotaWrite{ProjectID: "p1", HardLimit: 3}); err != nil || q.HardLimit != 3 || q.ID == 0 {
		t.Errorf("%+v, %v", q, err)
	}
	if q, err := c.UpdateQuota(ctx, wire.QuotaWrite{ProjectID: "p1", Resource: "Cluster", HardLimit: 4}); err != nil || q.HardLimit != 4 {
		t.Errorf("%+v, %v", q, err)
	}
	if all, err := c.Quotas(ctx); err != nil || len(all) != 1 || all[0].HardLimit != 4 {
		t.Errorf("%+v, %v", all, err)
	}
	if err := c.DeleteQuota(ctx, "p1", "Cluster"); err != nil {
		t.Error(err)
	}
	if all, err := c.Services(ctx); err != nil || len(all) != 1 || all[0].State != "up" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestWhatFailedIsRetriedByOurClient(t *testing.T) {
	h, id := newCluster(t)
	c := connect(t, h.options)
	if _, err := c.UpdateCluster(t.Context(), id, wire.Patch{{Op: "replace", Path: "/node_count", Value: 2}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.RetryCluster(t.Context(), id); jeroboam.KindOf(err) != jeroboam.Conflict {
		t.Error(err)
	}
	events, err := c.EventPage(t.Context(), id, 0, 1)
	if err != nil || len(events) != 1 {
		t.Fatalf("%+v, %v", events, err)
	}
	if more, err := c.EventPage(t.Context(), id, events[0].ID, 100); err != nil || len(more) != 2 || more[0].ID <= events[0].ID {
		t.Errorf("%+v, %v", more, err)
	}
}

func TestFederationsByOurClient(t *testing.T) {
	h, id := newCluster(t)
	c, ctx := connect(t, h.options), t.Context()
	made, err := c.CreateFederation(ctx, wire.FederationCreate{Name: "prod", MemberIDs: []string{"demo"}})
	if err != nil {
		t.Fatal(err)
	}
	if f, err := c.Federation(ctx, "prod"); err != nil || f.UUID != made || len(f.Members) != 1 || f.Members[0].UUID != id || f.Members[0].Name != "demo" {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := c.UpdateFederation(ctx, made, wire.Patch{{Op: "remove", Path: "/member_ids", Value: id}}); err != nil {
		t.Error(err)
	}
	if all, err := c.Federations(ctx); err != nil || len(all) != 1 || len(all[0].MemberIDs) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if err := c.DeleteFederation(ctx, "prod"); err != nil {
		t.Error(err)
	}
}
