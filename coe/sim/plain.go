package sim

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// Plain is the smallest pure half there can be: it wants one authority and one
// secret, and its configs name what they are made of.
type Plain struct{}

// Traits are those of an engine whose control plane keeps a quorum.
func (Plain) Traits() coe.Traits {
	return coe.Traits{Name: "sim", NetworkDrivers: []string{"sim"}, APIPort: 6443, Scheme: "https",
		Authorities: []string{jeroboam.AuthorityMain}, Secrets: []coe.SecretSpec{{Name: "encryption", Kind: coe.Random32}},
		OddMasters: true, VirtualAddress: true, Administrators: "administrators"}
}

// Check accepts every template.
func (Plain) Check(jeroboam.Template) error { return nil }

// Config asks for one certificate and one service; a control-plane node gets
// the secret and lists its peers.
func (Plain) Config(in coe.Input) (node.Config, error) {
	c := node.Config{
		Hostname: in.Machine.Name,
		Bundle:   in.Bundle,
		Files: []node.File{{Path: "/etc/sim/authority.pem", Mode: 0o644,
			Content: jeroboam.Secret(in.Authorities[jeroboam.AuthorityMain].Trust())}},
		Certificates: []node.Certificate{{Name: "node", Authority: jeroboam.AuthorityMain,
			Generation: in.Authorities[jeroboam.AuthorityMain].Generation, CommonName: in.Machine.Name,
			IPs: []string{in.Machine.Status.Address}, Server: true, Client: true, CertPath: "/etc/sim/node.pem", KeyPath: "/etc/sim/node.key"}},
		Services: []node.Service{{Name: "node", Command: []string{"node", "--api", cmp.Or(in.APIInside, in.APIHost)}}},
	}
	if n := in.Authorities[jeroboam.AuthorityMain].Generation; n > 0 {
		c.Services[0].Env = map[string]string{"GENERATION": strconv.Itoa(n)}
	}
	if !in.Machine.IsMaster() {
		return c, nil
	}
	c.Files = append(c.Files, node.File{Path: "/etc/sim/secret", Mode: 0o600, Content: in.Secrets["encryption"]})
	if len(in.Credential) > 0 {
		c.Files = append(c.Files, node.File{Path: "/etc/sim/credential", Mode: 0o600, Content: in.Credential["secret"]})
	}
	peers := []string{"api", "--peers"}
	for _, m := range in.Machines {
		if m.IsMaster() {
			peers = append(peers, m.Status.Address)
		}
	}
	slices.Sort(peers[2:])
	if in.VirtualAddress != "" {
		peers = append(peers, "--virtual", in.VirtualAddress)
	}
	c.Services = append(c.Services, node.Service{Name: "api", Command: peers})
	return c, nil
}
