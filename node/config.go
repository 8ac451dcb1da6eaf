// Package node is what the service and a machine's agent say to each other:
// the machine config, and the messages of the join protocol. It is small,
// because the agent carries it.
package node

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

// UserData is all a machine is born with. It holds no secret but the token,
// which works once.
type UserData struct {
	Machine string `json:"machine"` // machine ID
	// Gateway is where the service listens: "https://host:port", or
	// "unix:///path" for a machine that shares a socket with its service. TLS is
	// spoken over both; the server's name is GatewayName.
	Gateway string          `json:"gateway"`
	CA      string          `json:"ca"` // PEM of the gateway's authority
	Token   jeroboam.Secret `json:"token"`
}

// GatewayName is the name in the gateway's certificate.
const GatewayName = "gateway.jeroboam"

// Config is the whole wanted state of one machine. Applying it again changes
// nothing; a service is restarted only when what it depends on has changed.
type Config struct {
	Hostname     string        `json:"hostname"`
	Bundle       Bundle        `json:"bundle"`
	Disks        []Disk        `json:"disks,omitempty"`
	Directories  []Directory   `json:"directories,omitempty"`
	Files        []File        `json:"files,omitempty"`
	Certificates []Certificate `json:"certificates,omitempty"`
	Sysctls      []Sysctl      `json:"sysctls,omitempty"`
	Services     []Service     `json:"services,omitempty"`
	Images       Images        `json:"images,omitzero"`
	Tasks        []Task        `json:"tasks,omitempty"`
	// APIPort is the port of the cluster's API on this machine's loopback: the one
	// thing here that the service can reach through the agent. 0: nothing.
	APIPort int `json:"api_port,omitempty"`
}

// Digest identifies the config: hex SHA-256 of its JSON.
func (c Config) Digest() string {
	data, err := json.Marshal(c)
	if err != nil {
		panic(err) // a Config is plain data
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Bundle names the software the machine runs. Its parts are unpacked under
// BundleDir and every "links" name of a part is found in BinDir.
type Bundle struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest"` // release.Digest of its manifest
}

// Where an agent keeps a bundle: BundleRoot/<digest>/, as the manifest lays it
// out, with BinDir holding a link per binary name.
const (
	BundleRoot = "/var/lib/jeroboam/bundles"
	BinDir     = "/opt/jeroboam/bin"
	StateDir   = "/var/lib/jeroboam/agent" // the agent's own key, certificate and last config
	LogDir     = "/var/log/jeroboam"       // <service>.log
)

// Disk is mounted before anything else is done. One that holds nothing gets a
// file system first (ext4); whatever is on it is never written over.
type Disk struct {
	Serial string `json:"serial"` // of which a disk may show the first 20 characters only
	Mount  string `json:"mount"`  // directory
}

// Directory is made before any file.
type Directory struct {
	Path string `json:"path"`
	Mode uint32 `json:"mode"` // permission bits
}

// File is written atomically.
type File struct {
	Path    string          `json:"path"`
	Mode    uint32          `json:"mode"`
	Content jeroboam.Secret `json:"content"` // may hold a key
}

// Certificate asks the agent to make a key (ECDSA P-256) and have it signed by
// the service. The service signs exactly what its config asked for and nothing
// else; the key never leaves the machine. The agent renews it at two thirds of
// its life, and then restarts the services that list KeyPath or CertPath in Watch.
type Certificate struct {
	Name         string   `json:"name"`                 // unique in the config
	Authority    string   `json:"authority"`            // jeroboam.AuthorityMain, …
	Generation   int      `json:"generation,omitempty"` // of the authority; another one means another certificate
	CommonName   string   `json:"common_name"`
	Organization []string `json:"organization,omitempty"`
	DNSNames     []string `json:"dns_names,omitempty"`
	IPs          []string `json:"ips,omitempty"`
	Server       bool     `json:"server,omitempty"`
	Client       bool     `json:"client,omitempty"`
	CertPath     string   `json:"cert_path"`
	KeyPath      string   `json:"key_path"`
}

// Sysctl is set in the machine's own namespaces where the kernel allows it.
type Sysctl struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Service is a process the agent keeps running: restart with back-off (from
// 100 ms, doubling to 10 s, reset after 10 s of life), output to LogDir.
type Service struct {
	Name    string            `json:"name"`
	Command []string          `json:"command"` // Command[0] may be a name in BinDir
	Env     map[string]string `json:"env,omitempty"`
	After   []string          `json:"after,omitempty"` // services and tasks that must be ready or done first; "images" is their import
	Gate    *Probe            `json:"gate,omitempty"`  // must pass before the start
	Ready   *Probe            `json:"ready,omitempty"` // nil: ready when running
	Watch   []string          `json:"watch,omitempty"` // paths whose change restarts it
	Stop    time.Duration     `json:"stop,omitempty"`  // from TERM to KILL; 0: 5 s
}

// Task is a command run to success once per boot, and again when it changes
// itself. It is made to be repeated.
type Task struct {
	Name    string   `json:"name"`
	Command []string `json:"command"`
	Stdin   string   `json:"stdin,omitempty"`
	After   []string `json:"after,omitempty"`
	Gate    *Probe   `json:"gate,omitempty"`
}

// Images are the archives of the bundle to import into the container runtime,
// with Import run once per archive ("{}" stands for its path).
type Images struct {
	After  []string `json:"after,omitempty"`  // services that must be ready first
	Import []string `json:"import,omitempty"` // e.g. ctr -n k8s.io images import {}
	Names  []string `json:"names,omitempty"`  // part names of the bundle
}

// Probe asks whether something answers. Exactly one of URL, Address and Socket
// is set. It is repeated every 50 ms at first (a socket every 20 ms), every
// second in the end.
type Probe struct {
	URL     string `json:"url,omitempty"`  // 2xx is a pass
	CA      string `json:"ca,omitempty"`   // path of the PEM to trust for URL
	Cert    string `json:"cert,omitempty"` // client certificate and key, if URL wants one
	Key     string `json:"key,omitempty"`
	Address string `json:"address,omitempty"` // TCP host:port
	Socket  string `json:"socket,omitempty"`  // unix socket path
}
