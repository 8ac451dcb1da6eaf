package cloud

import "github.com/jeroboam-cloud/jeroboam"

// NetworkOf is what a cluster asks of its network, whose API listens on a port
// (0: it has none).
func NetworkOf(c jeroboam.Cluster, apiPort int) NetworkSpec {
	return NetworkSpec{Name: c.Name, FixedNetwork: c.Spec.FixedNetwork, FixedSubnet: c.Spec.FixedSubnet,
		ExternalNetwork: c.Spec.ExternalNetwork, DNSNameserver: c.Spec.DNSNameserver, APIPort: apiPort, Labels: c.Spec.Labels}
}

// PublicOf is how a cluster asks its machines to be reached.
func PublicOf(c jeroboam.Cluster) Public {
	return Public{FloatingIP: c.Spec.FloatingIPEnabled, ExternalNetwork: c.Spec.ExternalNetwork}
}

// Words of a network in the ledger's Attributes.
const (
	attributeNetwork = "network"
	attributeSubnet  = "subnet"
	attributeCIDR    = "cidr"
	attributeGateway = "gateway"
)

// Attributes is what the ledger keeps of a network.
func (n Network) Attributes() map[string]string {
	return map[string]string{attributeNetwork: n.ID, attributeSubnet: n.Subnet, attributeCIDR: n.CIDR, attributeGateway: n.Gateway}
}

// NetworkFrom reads a network from its line of the ledger.
func NetworkFrom(line jeroboam.Resource) Network {
	a := line.Attributes
	return Network{ID: a[attributeNetwork], Subnet: a[attributeSubnet], CIDR: a[attributeCIDR], Gateway: a[attributeGateway]}
}
