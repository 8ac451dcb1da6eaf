package node

import "github.com/jeroboam-cloud/jeroboam"

// The join protocol is HTTP over mutual TLS, dialled by the agent.
//
//	POST /join      JoinRequest -> JoinResponse    no client certificate yet; the token is spent
//	POST /stream    full duplex, one JSON message a line: ToService up, ToAgent down
//	POST /tunnels/{id}   full duplex: the bytes of a connection to the machine's API, which a ToAgent asked for
//	GET  /bundles/{digest}/{path}                  a file of a bundle
//	GET  /agents/{digest}                          the agent, for a machine that has none; for anybody
//	POST /clusterautoscaler…/{method}              gRPC, for the autoscaler of a cluster
//
// The agent keeps one stream open for ever and dials again with back-off.
const (
	PathJoin    = "/join"
	PathStream  = "/stream"
	PathTunnels = "/tunnels/"
	PathBundles = "/bundles/"
	PathAgents  = "/agents/"
	// PathAutoscaler is given by the interface: package autoscale answers it.
	PathAutoscaler = "/clusterautoscaler.cloudprovider.v1.externalgrpc.CloudProvider/"
)

// JoinRequest trades the token for an identity. CSR has the machine ID as its
// common name. A token may be used again with the same key: an agent that
// crashed before it could store the answer is not locked out.
type JoinRequest struct {
	Machine string          `json:"machine"`
	Token   jeroboam.Secret `json:"token"`
	CSR     string          `json:"csr"` // PEM
}

// JoinResponse is the agent's identity for the stream.
type JoinResponse struct {
	Certificate string `json:"certificate"` // PEM
}

// ToService is one message from an agent; one field is set.
type ToService struct {
	Hello  *Hello       `json:"hello,omitempty"`
	Sign   *SignRequest `json:"sign,omitempty"`
	Report *Report      `json:"report,omitempty"`
	NoDial *NoDial      `json:"no_dial,omitempty"`
}

// ToAgent is one message to an agent; one field is set.
type ToAgent struct {
	Config *Config       `json:"config,omitempty"`
	Signed *SignResponse `json:"signed,omitempty"`
	// Identity renews the agent's own certificate; answers a Sign with no Certificate name.
	Upgrade *Upgrade `json:"upgrade,omitempty"`
	Dial    *Dial    `json:"dial,omitempty"`
	Error   string   `json:"error,omitempty"` // the last message was refused; text for the agent's log
}

// Dial asks for a connection to the API on the machine, Config.APIPort: the
// agent opens /tunnels/{ID} beside its stream, on the same HTTP/2 connection.
type Dial struct {
	ID string `json:"id"`
}

// NoDial answers a Dial that leads nowhere.
type NoDial struct {
	ID    string `json:"id"`
	Error string `json:"error"` // text for the operator
}

// Hello opens a stream.
type Hello struct {
	Machine string `json:"machine"`
	Agent   string `json:"agent"`            // version of the agent
	Digest  string `json:"digest,omitempty"` // hex SHA-256 of the agent's binary
	Config  string `json:"config,omitempty"` // digest of the config in force
	Boot    string `json:"boot,omitempty"`   // changes with every boot of the machine
}

// SignRequest asks for a certificate the config speaks of. Name is
// Certificate.Name, or "" to renew the agent's own identity.
type SignRequest struct {
	Name string `json:"name"`
	CSR  string `json:"csr"` // PEM
}

// SignResponse answers a SignRequest of the same Name.
type SignResponse struct {
	Name        string `json:"name"`
	Certificate string `json:"certificate,omitempty"` // PEM
	Error       string `json:"error,omitempty"`
}

// Upgrade tells an agent to become another binary: it fetches
// /bundles/{Digest}/{Path}, verifies SHA256 and executes itself anew, its
// services left running.
type Upgrade struct {
	Digest string `json:"digest"`
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// Report is the state of the machine, sent on every change and after Hello.
type Report struct {
	Config   string                  `json:"config,omitempty"` // digest in force: every file written, every service started once
	Services []jeroboam.ServiceState `json:"services,omitempty"`
	Tasks    []jeroboam.ServiceState `json:"tasks,omitempty"`
	Cause    *jeroboam.Cause         `json:"cause,omitempty"` // what stops the config from being applied
}
