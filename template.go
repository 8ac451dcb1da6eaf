package jeroboam

import "time"

// Template is what clusters are made from. The zero value of a pointer-less
// field means "not given".
type Template struct {
	ID                  string            `json:"id"` // UUID
	Project             string            `json:"project"`
	User                string            `json:"user"`
	Name                string            `json:"name"`
	COE                 string            `json:"coe"`
	Image               string            `json:"image"`
	Distro              string            `json:"distro,omitempty"` // of the image
	Flavor              string            `json:"flavor,omitempty"`
	MasterFlavor        string            `json:"master_flavor,omitempty"`
	Keypair             string            `json:"keypair,omitempty"`
	ExternalNetwork     string            `json:"external_network,omitempty"`
	FixedNetwork        string            `json:"fixed_network,omitempty"`
	FixedSubnet         string            `json:"fixed_subnet,omitempty"`
	DNSNameserver       string            `json:"dns_nameserver,omitempty"`
	NetworkDriver       string            `json:"network_driver,omitempty"`
	VolumeDriver        string            `json:"volume_driver,omitempty"`
	APIServerPort       int               `json:"apiserver_port,omitempty"`
	DockerVolumeSize    int               `json:"docker_volume_size,omitempty"` // GB
	DockerStorageDriver string            `json:"docker_storage_driver,omitempty"`
	HTTPProxy           string            `json:"http_proxy,omitempty"`
	HTTPSProxy          string            `json:"https_proxy,omitempty"`
	NoProxy             string            `json:"no_proxy,omitempty"`
	InsecureRegistry    string            `json:"insecure_registry,omitempty"`
	Labels              map[string]string `json:"labels,omitempty"`
	Tags                string            `json:"tags,omitempty"` // comma-separated, kept as given
	Driver              string            `json:"driver,omitempty"`
	ServerType          string            `json:"server_type"` // "vm" or "bm"
	RegistryEnabled     bool              `json:"registry_enabled,omitempty"`
	TLSDisabled         bool              `json:"tls_disabled,omitempty"`
	Public              bool              `json:"public,omitempty"`
	Hidden              bool              `json:"hidden,omitempty"`
	MasterLBEnabled     bool              `json:"master_lb_enabled,omitempty"`
	FloatingIPEnabled   bool              `json:"floating_ip_enabled"`
	CreatedAt           time.Time         `json:"created_at"`
	UpdatedAt           time.Time         `json:"updated_at,omitzero"`
	Revision            int64             `json:"-"`
	Seq                 int64             `json:"-"`
}
