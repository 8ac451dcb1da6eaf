// Package life drives the whole life of a cluster through the unmodified
// gophercloud client, the way Terraform and other Go programs do. It runs
// against anything that answers the Magnum API: the unit test gives it an API
// on made-up machines, the end-to-end test a real one.
package life

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net/http"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/certificates"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clusters"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clustertemplates"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/nodegroups"
)

// Options say what the cluster is made of.
type Options struct {
	COE    string
	Image  string
	Flavor string
	Region string        // of the catalogue; "": the only one
	Poll   time.Duration // between two looks at a cluster that changes; 0: 100 ms
	Limit  time.Duration // for one change; 0: 5 minutes
	// Ready, if set, is called once the cluster is complete.
	Ready func(t *testing.T, c *clusters.Cluster)
}

type life struct {
	Options
	*testing.T
	client *gophercloud.ServiceClient
}

// Run makes a template and a cluster, resizes it, adds a node group and takes
// it away again, has a certificate signed, and deletes everything.
func Run(t *testing.T, provider *gophercloud.ProviderClient, o Options) {
	t.Helper()
	if o.Poll == 0 {
		o.Poll = 100 * time.Millisecond
	}
	if o.Limit == 0 {
		o.Limit = 5 * time.Minute
	}
	client, err := openstack.NewContainerInfraV1(provider, gophercloud.EndpointOpts{Region: o.Region})
	if err != nil {
		t.Fatal(err)
	}
	l := &life{Options: o, T: t, client: client}
	template := l.template()
	id := l.cluster(template)
	l.wait(id, "CREATE_IN_PROGRESS", "CREATE_COMPLETE")
	c := l.show(id)
	if o.Ready != nil {
		o.Ready(t, c)
	}
	l.certificate(id)
	l.resize(id)
	l.patch(id)
	l.group(id)
	l.delete(id, template)
}

func (l *life) at(version string) *gophercloud.ServiceClient {
	client := *l.client
	client.Microversion = version
	return &client
}

func (l *life) check(what string, err error) {
	l.Helper()
	if err != nil {
		l.Fatalf("%s: %v", what, err)
	}
}

func (l *life) template() string {
	l.Helper()
	made, err := clustertemplates.Create(l.Context(), l.client, clustertemplates.CreateOpts{
		Name: "gophercloud", COE: l.COE, ImageID: l.Image, FlavorID: l.Flavor, MasterFlavorID: l.Flavor,
		Labels: map[string]string{"purpose": "test", "min_node_count": "1"},
	}).Extract()
	l.check("create template", err)
	renamed, err := clustertemplates.Update(l.Context(), l.client, made.UUID, []clustertemplates.UpdateOptsBuilder{
		clustertemplates.UpdateOpts{Op: clustertemplates.ReplaceOp, Path: "/labels", Value: "{'purpose':'gophercloud','min_node_count':'1'}"},
	}).Extract()
	l.check("update template", err)
	if renamed.Labels["purpose"] != "gophercloud" || renamed.COE != l.COE {
		l.Fatalf("template: %+v", renamed)
	}
	pages, err := clustertemplates.List(l.client, clustertemplates.ListOpts{Limit: 1}).AllPages(l.Context())
	l.check("list templates", err)
	all, err := clustertemplates.ExtractClusterTemplates(pages)
	l.check("list templates", err)
	for _, t := range all {
		if t.UUID == made.UUID {
			return made.UUID
		}
	}
	l.Fatalf("template %s is not listed: %+v", made.UUID, all)
	return ""
}

func (l *life) cluster(template string) string {
	l.Helper()
	masters, nodes, timeout := 1, 1, 30
	id, err := clusters.Create(l.Context(), l.client, clusters.CreateOpts{
		Name: "gopher", ClusterTemplateID: template, MasterCount: &masters, NodeCount: &nodes, CreateTimeout: &timeout,
		Labels: map[string]string{"extra": "1"}, MergeLabels: gophercloud.Enabled,
	}).Extract()
	l.check("create cluster", err)
	c := l.show(id)
	if c.Status != "CREATE_IN_PROGRESS" && c.Status != "CREATE_COMPLETE" || c.NodeCount != 1 || c.MasterCount != 1 ||
		c.ClusterTemplateID != template || c.CreateTimeout != timeout || c.CreatedAt.IsZero() {
		l.Fatalf("a new cluster: %+v", c)
	}
	if c.LabelsAdded["extra"] != "1" || c.Labels["purpose"] != "gophercloud" {
		l.Fatalf("labels: %v added: %v", c.Labels, c.LabelsAdded)
	}
	return id
}

func (l *life) show(id string) *clusters.Cluster {
	l.Helper()
	c, err := clusters.Get(l.Context(), l.client, id).Extract()
	l.check("show cluster", err)
	return c
}

// wait looks until the cluster has left the state pending, and requires the
// state done then.
func (l *life) wait(id, pending, done string) {
	l.Helper()
	ctx, stop := context.WithTimeout(l.Context(), l.Limit)
	defer stop()
	for {
		c := l.show(id)
		switch c.Status {
		case done:
			return
		case pending:
		default:
			l.Fatalf("cluster %s is %s, not %s: %s", id, c.Status, done, c.StatusReason)
		}
		select {
		case <-ctx.Done():
			l.Fatalf("cluster %s is still %s after %v", id, c.Status, l.Limit)
		case <-time.After(l.Poll):
		}
	}
}

// certificate asks for the certificate of an administrator, as "coe cluster
// config" does, and checks that the cluster's authority signed it.
func (l *life) certificate(id string) {
	l.Helper()
	ca, err := certificates.Get(l.Context(), l.client, id).Extract()
	l.check("show CA", err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	l.check("make key", err)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}}}, key)
	l.check("make CSR", err)
	signed, err := certificates.Create(l.Context(), l.client, certificates.CreateOpts{
		ClusterUUID: id, CSR: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))}).Extract()
	l.check("sign CSR", err)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(ca.PEM)) {
		l.Fatalf("the CA is no certificate: %s", ca.PEM)
	}
	block, _ := pem.Decode([]byte(signed.PEM))
	if block == nil {
		l.Fatalf("no certificate: %s", signed.PEM)
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	l.check("parse certificate", err)
	_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	l.check("verify certificate", err)
	if leaf.Subject.CommonName != "admin" || len(leaf.Subject.Organization) != 1 || leaf.Subject.Organization[0] != "system:masters" {
		l.Fatalf("the subject is %v", leaf.Subject)
	}
}

func (l *life) resize(id string) {
	l.Helper()
	nodes := 2
	got, err := clusters.Resize(l.Context(), l.at("1.7"), id, clusters.ResizeOpts{NodeCount: &nodes}).Extract()
	l.check("resize", err)
	if got != id {
		l.Fatalf("resize answered %s", got)
	}
	l.wait(id, "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
	if c := l.show(id); c.NodeCount != nodes || len(c.NodeAddresses) != nodes {
		l.Fatalf("after the resize: %+v", c)
	}
}

// patch shrinks the cluster again the way Terraform does.
func (l *life) patch(id string) {
	l.Helper()
	_, err := clusters.Update(l.Context(), l.client, id, []clusters.UpdateOptsBuilder{
		clusters.UpdateOpts{Op: clusters.ReplaceOp, Path: "/node_count", Value: 1}}).Extract()
	l.check("patch", err)
	l.wait(id, "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
	if c := l.show(id); c.NodeCount != 1 {
		l.Fatalf("after the patch: %+v", c)
	}
}

func (l *life) group(id string) {
	l.Helper()
	client, count, most := l.at("1.9"), 1, 3
	made, err := nodegroups.Create(l.Context(), client, id, nodegroups.CreateOpts{Name: "extra", NodeCount: &count, MaxNodeCount: &most,
		Labels: map[string]string{"of": "gophercloud"}}).Extract()
	l.check("create node group", err)
	l.wait(id, "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
	g, err := nodegroups.Get(l.Context(), client, id, made.UUID).Extract()
	l.check("show node group", err)
	if g.Status != "CREATE_COMPLETE" || g.NodeCount != 1 || g.MaxNodeCount == nil || *g.MaxNodeCount != most || g.IsDefault {
		l.Fatalf("node group: %+v", g)
	}
	_, err = nodegroups.Update(l.Context(), client, id, made.UUID, []nodegroups.UpdateOptsBuilder{
		nodegroups.UpdateOpts{Op: nodegroups.ReplaceOp, Path: "/max_node_count", Value: 5}}).Extract()
	l.check("update node group", err)
	l.wait(id, "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
	l.check("delete node group", nodegroups.Delete(l.Context(), client, id, made.UUID).ExtractErr())
	l.gone("node group", func() error {
		_, err := nodegroups.Get(l.Context(), client, id, made.UUID).Extract()
		return err
	})
	l.wait(id, "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
	pages, err := nodegroups.List(client, id, nodegroups.ListOpts{}).AllPages(l.Context())
	l.check("list node groups", err)
	left, err := nodegroups.ExtractNodeGroups(pages)
	l.check("list node groups", err)
	if len(left) != 2 {
		l.Fatalf("node groups left: %+v", left)
	}
}

func (l *life) delete(id, template string) {
	l.Helper()
	if err := clustertemplates.Delete(l.Context(), l.client, template).ExtractErr(); !gophercloud.ResponseCodeIs(err, http.StatusBadRequest) {
		l.Fatalf("a template in use was deleted: %v", err)
	}
	l.check("delete cluster", clusters.Delete(l.Context(), l.client, id).ExtractErr())
	l.gone("cluster", func() error {
		_, err := clusters.Get(l.Context(), l.client, id).Extract()
		return err
	})
	l.check("delete template", clustertemplates.Delete(l.Context(), l.client, template).ExtractErr())
}

// gone looks until what show shows is not found.
func (l *life) gone(what string, show func() error) {
	l.Helper()
	ctx, stop := context.WithTimeout(l.Context(), l.Limit)
	defer stop()
	for {
		err := show()
		if gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
			return
		}
		l.check("show "+what, err)
		select {
		case <-ctx.Done():
			l.Fatalf("the %s is still there after %v", what, l.Limit)
		case <-time.After(l.Poll):
		}
	}
}
