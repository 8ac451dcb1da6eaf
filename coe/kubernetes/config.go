package kubernetes

import (
	"cmp"
	"net/netip"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// machine is one machine of a cluster with everything derived from the input.
type machine struct {
	coe.Input
	settings
	pods         netip.Prefix // this machine's slice
	certificates []node.Certificate
}

// Config makes the config of one machine. It answers Unavailable while an
// address it needs is unknown, and Conflict when two machines of the cluster
// would share a slice of the pod network.
func (*COE) Config(in coe.Input) (node.Config, error) {
	m, err := newMachine(in)
	if err != nil {
		return node.Config{}, err
	}
	config, err := m.nodeConfig()
	if err != nil || !in.Machine.IsMaster() {
		return config, err
	}
	return m.addControlPlane(config)
}

func newMachine(in coe.Input) (machine, error) {
	s, err := readSettings(in.Cluster.Spec.Labels)
	if err != nil {
		return machine{}, err
	}
	pods, err := podNetwork(s, in.Machine, in.Machines)
	if err != nil {
		return machine{}, err
	}
	if in.APIHost == "" {
		return machine{}, jeroboam.Errorf(jeroboam.Unavailable, "address", "The API of the cluster has no address yet.")
	}
	m := machine{Input: in, settings: s, pods: pods, certificates: nodeCertificates(in.Machine)}
	if in.Machine.IsMaster() {
		m.certificates = append(m.certificates, masterCertificates(in, s)...)
		m.certificates = append(m.certificates, m.keystoneCertificates()...)
		m.certificates = append(m.certificates, m.autoscalerCertificates()...)
	}
	for i, c := range m.certificates {
		m.certificates[i].Generation = in.Authorities[c.Authority].Generation
	}
	return m, nil
}

// server is the API server this machine calls: a control-plane machine its own,
// so that it does not depend on a balancer in front of itself.
func (m machine) server() string {
	if m.Machine.IsMaster() {
		return apiURL(loopback)
	}
	return apiURL(cmp.Or(m.APIInside, m.APIHost))
}

// apiReady passes when the API server is all there, its roles included.
func (m machine) apiReady() *node.Probe { return m.ask("/readyz") }

// apiServes passes a second sooner: when the API server answers this machine's
// kubelet, whom the Node authorizer lets read Services without any role.
func (m machine) apiServes() *node.Probe { return m.ask("/api/v1/services?limit=1") }

// ask asks the API server as this machine's kubelet.
func (m machine) ask(path string) *node.Probe {
	c := named(m.certificates, certKubelet)
	return &node.Probe{URL: m.server() + path, CA: caFile, Cert: c.CertPath, Key: c.KeyPath}
}

// group is the node group of the machine; the zero group if it is unknown.
func (m machine) group() jeroboam.NodeGroup {
	for _, g := range m.Groups {
		if g.ID == m.Machine.Group {
			return g
		}
	}
	return jeroboam.NodeGroup{}
}

// authority is what to trust of one of the cluster's authorities.
func (m machine) authority(name, path string) (node.File, error) {
	a, ok := m.Authorities[name]
	if !ok || a.PEM == "" {
		return node.File{}, jeroboam.Errorf(jeroboam.Unavailable, "authority", "The cluster has no authority %q yet.", name)
	}
	return publicFile(path, a.Trust()), nil
}
