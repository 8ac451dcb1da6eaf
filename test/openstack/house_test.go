package openstack

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/client"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	cloudopenstack "github.com/jeroboam-cloud/jeroboam/cloud/openstack"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/coe/kubernetes"
	coesim "github.com/jeroboam-cloud/jeroboam/coe/sim"
	"github.com/jeroboam-cloud/jeroboam/engine"
	"github.com/jeroboam-cloud/jeroboam/identity/keystone"
	"github.com/jeroboam-cloud/jeroboam/monitor"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/simagent"
	"github.com/jeroboam-cloud/jeroboam/quota"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/service/drivers"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed/keyfile"
)

const (
	driverName = "k8s_openstack"
	bareName   = "k8s_openstack_bm"
	version    = "v1.36.3"
	digit      = "ab"                   // of which every digest is made
	domain     = "clusters.example.org" // of the service's own door to clusters
	doorPort   = "9513"
)

// house is a whole service in this process, on the testbed, with a project and
// a member of it for this test alone.
type house struct {
	*testing.T
	keystone  *testbed.Keystone
	things    testbed.Things
	project   string // name
	projectID string
	user      testbed.User
	sessions  sessions // of cloud
	cloud     *cloudopenstack.Cloud
	census    *census        // of cloud
	url       string         // of the service
	client    *client.Client // of user
	vault     *sealed.Vault  // of the service
	clusters  []string       // IDs of all that were asked for
}

func open(t *testing.T) *house {
	t.Helper()
	return openBehind(t, func(k *testbed.Keystone) string { return k.URL })
}

// openBehind has the service reach its cloud by the Keystone at another address
// than the testbed's own.
func openBehind(t *testing.T, address func(*testbed.Keystone) string, change ...func(*cloudopenstack.Options)) *house {
	t.Helper()
	k := testbed.Start(t, "glance", "placement", "nova", "neutron", "cinder", "octavia")
	h := &house{T: t, keystone: k, things: k.Things(), project: k.NewProject("clusters")}
	k.LetAdminIn(h.project)
	k.Balance(h.project)
	h.projectID = k.Project(h.project)
	h.user = k.User(h.project, "member")
	h.cloud = h.newCloud(func(o *cloudopenstack.Options) {
		o.Auth.IdentityEndpoint = address(k)
		for _, f := range change {
			f(o)
		}
		plain := *o
		o.Sessions = func(c cloudopenstack.Client) cloudopenstack.Sessions {
			h.census = &census{next: c.Transport, calls: map[string]int{}}
			c.Transport = h.census
			h.sessions.Sessions = cloudopenstack.Logins(plain, c)
			return &h.sessions
		}
	})
	h.serve(h.login())
	h.client = h.as(h.user, h.project)
	return h
}

// login is that of the service.
func (h *house) login() gophercloud.AuthOptions {
	return h.keystone.As(h.keystone.Operator, "")
}

// newCloud is the cloud as a service sees it that was just started.
func (h *house) newCloud(change ...func(*cloudopenstack.Options)) *cloudopenstack.Cloud {
	o := cloudopenstack.Options{Auth: h.login(), Watch: 5 * time.Second, Endpoint: h.keystone.Endpoint}
	for _, f := range change {
		f(&o)
	}
	c := cloudopenstack.New(o)
	h.Cleanup(c.CloseIdle)
	return c
}

// as speaks to the service as a user of a project.
func (h *house) as(u testbed.User, project string) *client.Client {
	h.Helper()
	c, err := client.New(client.Options{AuthURL: h.keystone.URL, Username: u.Name, Password: u.Password, UserDomainID: "default",
		ProjectName: project, ProjectDomainID: "default", Endpoint: h.url})
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(c.Close)
	return c
}

// serve runs the service, its machines' agents and its API until the test ends.
func (h *house) serve(auth gophercloud.AuthOptions) {
	h.Helper()
	gateway := "https://" + rand.Text() + ".example.org:9512"
	fleet := simagent.New(simagent.Options{Boot: 200 * time.Millisecond, Apply: 100 * time.Millisecond, Start: 200 * time.Millisecond, Sign: true})
	db := memory.New()
	secrets, err := sealed.Open(h.Context(), sealed.Options{Store: db, Roots: []sealed.Root{keyfile.New(filepath.Join(h.TempDir(), "keys"))}})
	if err != nil {
		h.Fatal(err)
	}
	kind := coesim.New(kubernetes.New(), fleet, coesim.Options{})
	h.vault = secrets
	e := engine.New(engine.Options{
		Store: db, Vault: secrets, Drivers: map[string]engine.Driver{driverName: {Cloud: h.cloud, COE: kind, Catalogue: h.cloud},
			bareName: {Cloud: h.cloud, COE: kind, Catalogue: h.cloud, Bare: true}},
		Bundle: func(context.Context, string, string) (node.Bundle, error) {
			return node.Bundle{Name: "kubernetes", Version: version, Digest: strings.Repeat(digit, 32)}, nil
		},
		Tunnel:  engine.Tunnel{Domain: domain, Port: doorPort},
		Gateway: engine.Gateway{Remote: gateway, CA: "CA", Agent: node.Upgrade{Digest: strings.Repeat(digit, 32), SHA256: strings.Repeat(digit, 32)}},
	})
	m := monitor.New(monitor.Options{Store: db, Clouds: map[string]cloud.Cloud{driverName: h.cloud}, Access: e.Access})
	hyper := &hypervisor{nova: h.keystone.Nova(h.keystone.Operator.Project), project: h.projectID, fleet: fleet, gateway: gateway, running: map[string]string{}}
	hyper.nova.Microversion = "2.67"
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() { fleet.Serve(ctx, e) })
	ended.Go(func() { hyper.run(ctx, func(err error) { h.Error(err) }) })
	for _, run := range []func(context.Context) error{e.Run, m.Run} {
		ended.Go(func() {
			if err := run(ctx); err != nil {
				h.Error(err)
			}
		})
	}
	callers := keystone.New(keystone.Options{Auth: auth})
	verbs := service.New(service.Options{Store: db, Limits: service.Limits{Quotas: quota.Limits{jeroboam.QuotaCluster: 100}}, Versions: func(string) []string { return []string{version} },
		Drivers: []drivers.Driver{h.driver(driverName, "vm", kind), h.driver(bareName, "bm", kind)}})
	server := httptest.NewServer(api.New(api.Options{Service: verbs, Auth: callers, IdentityURL: h.keystone.URL}))
	h.url = server.URL + "/v1"
	h.Cleanup(func() {
		server.Close()
		cancel()
		ended.Wait()
		callers.CloseIdle()
		if err := db.Close(); err != nil {
			h.Error(err)
		}
	})
}

func (h *house) driver(name, serverType string, kind coe.COE) drivers.Driver {
	return drivers.Driver{Driver: jeroboam.Driver{Name: name, ServerType: serverType, Distro: "fedora-coreos", COE: "kubernetes", Cloud: "openstack"},
		Engine: kind, Catalogue: h.cloud, Preflight: h.cloud, Dependents: h.cloud, Labels: h.cloud.Capabilities().Labels,
		Credentials: h.cloud.Capabilities().Credentials, Volumes: true, Addresses: true}
}

// template makes a template that the clusters of the test are made from.
func (h *house) template(in wire.TemplateCreate) string {
	h.Helper()
	in.COE, in.ImageID = "kubernetes", h.things.Image
	in.FlavorID = cmp.Or(in.FlavorID, h.things.Flavor)
	in.MasterFlavorID = in.FlavorID
	t, err := h.client.CreateTemplate(h.Context(), in)
	if err != nil {
		h.Fatal(err)
	}
	return t.UUID
}

// create asks for a cluster.
func (h *house) create(in wire.ClusterCreate, masters, workers int) string {
	h.Helper()
	in.MasterCount, in.NodeCount = &masters, &workers
	id, err := h.client.CreateCluster(h.Context(), in)
	if err != nil {
		h.Fatal(err)
	}
	h.clusters = append(h.clusters, id)
	return id
}

// await waits until the cluster is in the state, and fails with what its
// operation says if it comes to another end.
func (h *house) await(id string, want jeroboam.State) wire.Cluster {
	h.Helper()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		c, err := h.client.Cluster(h.Context(), id)
		switch {
		case want == "" && jeroboam.KindOf(err) == jeroboam.NotFound:
			return c
		case err != nil:
			h.Fatal(err)
		case c.Status == want:
			return c
		case c.Status.Failed():
			h.Fatalf("%s is %s: %v", c.Name, c.Status, c.StatusReason)
		}
		select {
		case <-ticker.C:
		case <-h.Context().Done():
			h.Fatalf("%s is still %s: %v", c.Name, c.Status, c.StatusReason)
		}
	}
}
