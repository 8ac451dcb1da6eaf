package autoscale

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/autoscale/internal/protocol"
	"github.com/jeroboam-cloud/jeroboam/coe/kubernetes"
	"github.com/jeroboam-cloud/jeroboam/node/gateway"
	"github.com/jeroboam-cloud/jeroboam/node/gateway/gatewaytest"
	"github.com/jeroboam-cloud/jeroboam/pki"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The clusters of every house: "auto" has an autoscaler, another project's
// "other" too.
const (
	auto  = "5ad5bc4e-2ad9-4bb1-8d05-4ae2a1e1a001"
	other = "6ad5bc4e-2ad9-4bb1-8d05-4ae2a1e1a002"
)

// house is the verbs behind a gateway on loopback.
type house struct {
	*apikit.House
	t         *testing.T
	authority gateway.Authority
	address   string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{House: apikit.New(t), t: t}
	var err error
	h.authority, err = gateway.NewAuthority(time.Now())
	h.must(err)
	registry, err := gatewaytest.New()
	h.must(err)
	answers := New(Options{Service: h.Service, Now: h.Clock.Now,
		Project: func(ctx context.Context, id string) (string, error) {
			c, err := read[jeroboam.Cluster](ctx, h, id)
			return c.Project, err
		},
		Drivers: map[string]Driver{apikit.Driver: {Scaler: kubernetes.New(), Flavors: apikit.Catalogue{}}}})
	door := gateway.New(gateway.Options{Registry: registry, Authority: h.authority, Autoscaler: answers, Names: []string{"127.0.0.1"},
		Bundles: func(string) (string, bool) { return "", false }})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	h.must(err)
	h.address = listener.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- door.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		h.must(<-done)
	})
	h.furnish(auto, "p", "True")
	h.furnish(other, "q", "true")
	return h
}

// furnish writes down a cluster of a control plane, two default workers of at
// most four, and no node of at most two for guests.
func (h *house) furnish(id, project, on string) {
	h.t.Helper()
	c := &jeroboam.Cluster{ID: id, Project: project, Name: "demo", Spec: jeroboam.ClusterSpec{Driver: apikit.Driver, COE: apikit.COE,
		Labels: map[string]string{"auto_scaling_enabled": on, "max_node_count": "4"}}, Status: jeroboam.ClusterStatus{State: jeroboam.CreateComplete}}
	two := 2
	group := func(n int, name, role string, count int, most *int) *jeroboam.NodeGroup {
		return &jeroboam.NodeGroup{ID: fmt.Sprintf("%s%d", id[:35], n), Cluster: id, Project: project, Name: name, Role: role,
			Spec: jeroboam.NodeGroupSpec{Count: count, Flavor: apikit.Flavor, Image: apikit.Image, Max: most}, Status: jeroboam.NodeGroupStatus{State: jeroboam.CreateComplete}}
	}
	guests := group(9, "guests", "guest", 0, &two)
	guests.Spec.NodeLabels, guests.Spec.NodeTaints = map[string]string{"for": "guests"}, []jeroboam.Taint{{Key: "for", Value: "guests", Effect: "NoSchedule"}}
	masters, workers := group(7, jeroboam.DefaultMaster, jeroboam.RoleMaster, 1, nil), group(8, jeroboam.DefaultWorker, jeroboam.RoleWorker, 2, nil)
	h.update(func(tx store.Tx) error {
		for _, put := range []error{store.Put(tx, c), store.Put(tx, masters), store.Put(tx, workers), store.Put(tx, guests)} {
			if put != nil {
				return put
			}
		}
		return nil
	})
	h.machine(id, 7, "demo-master-0", 0, true)
	h.machine(id, 8, "demo-worker-0", 0, true)
	h.machine(id, 8, "demo-worker-1", 1, true)
}

// machine writes down a machine of a cluster's group; it returns its ID.
func (h *house) machine(cluster string, group int, name string, index int, ready bool) string {
	h.t.Helper()
	m := &jeroboam.Machine{ID: fmt.Sprintf("%s-%d-%d", cluster[:30], group, index), Cluster: cluster, Group: fmt.Sprintf("%s%d", cluster[:35], group),
		Name: name, Index: index}
	if ready {
		m.Status.ReadyAt = h.Clock.Now()
	}
	h.update(func(tx store.Tx) error { return store.Put(tx, m) })
	return m.ID
}

func (h *house) update(f func(store.Tx) error) {
	h.t.Helper()
	h.must(h.Store.Update(h.t.Context(), f))
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func read[T store.Noun](ctx context.Context, h *house, id string) (v T, err error) {
	err = h.Store.View(ctx, func(tx store.Tx) (err error) {
		v, err = store.Get[T](tx, id)
		return err
	})
	return v, err
}

// wanted is what is written down of a cluster's group.
func (h *house) wanted(cluster string, group int) jeroboam.NodeGroupSpec {
	h.t.Helper()
	g, err := read[jeroboam.NodeGroup](h.t.Context(), h, fmt.Sprintf("%s%d", cluster[:35], group))
	h.must(err)
	return g.Spec
}

// operation writes down the newest operation of the cluster "auto".
func (h *house) operation(op jeroboam.Operation, steps ...jeroboam.Step) {
	h.t.Helper()
	op.Cluster, op.Project = auto, "p"
	h.update(func(tx store.Tx) error {
		c, err := store.Get[jeroboam.Cluster](tx, auto)
		if err != nil {
			return err
		}
		c.Status.State, c.Status.Operation = jeroboam.UpdateInProgress, op.ID
		if err := store.Put(tx, &c); err != nil {
			return err
		}
		for _, step := range steps {
			step.ID, step.Operation, step.Cluster, step.Project = op.ID+"/"+step.Name, op.ID, auto, "p"
			if err := store.Put(tx, &step); err != nil {
				return err
			}
		}
		return store.Put(tx, &op)
	})
}

// autoscaler is that of a cluster.
func (h *house) autoscaler(cluster string) protocol.CloudProviderClient {
	h.t.Helper()
	key, keyPEM, err := pki.NewKey()
	h.must(err)
	csr, err := pki.NewCSR(key, "nobody")
	h.must(err)
	certificate, err := h.authority.SignAutoscaler(csr, cluster, time.Now())
	h.must(err)
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(keyPEM.Reveal()))
	h.must(err)
	return protocol.NewCloudProviderClient(h.dial(pair))
}

// dial connects with these certificates, if any.
func (h *house) dial(certificates ...tls.Certificate) *grpc.ClientConn {
	h.t.Helper()
	trusted := x509.NewCertPool()
	trusted.AddCert(h.authority.Certificate)
	connection, err := grpc.NewClient(h.address, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		ServerName: "127.0.0.1", RootCAs: trusted, Certificates: certificates})))
	h.must(err)
	h.t.Cleanup(func() { h.must(connection.Close()) })
	return connection
}
