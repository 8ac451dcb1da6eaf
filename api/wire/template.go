package wire

import (
	"encoding/json"
	"strconv"

	"github.com/jeroboam-cloud/jeroboam"
)

// Template is a cluster template as it leaves the service.
type Template struct {
	UUID                string            `json:"uuid"`
	Name                string            `json:"name"`
	COE                 string            `json:"coe"`
	ImageID             string            `json:"image_id"`
	FlavorID            *string           `json:"flavor_id"`
	MasterFlavorID      *string           `json:"master_flavor_id"`
	DNSNameserver       *string           `json:"dns_nameserver"`
	KeypairID           *string           `json:"keypair_id"`
	ExternalNetworkID   *string           `json:"external_network_id"`
	FixedNetwork        *string           `json:"fixed_network"`
	FixedSubnet         *string           `json:"fixed_subnet"`
	NetworkDriver       *string           `json:"network_driver"`
	APIServerPort       *int              `json:"apiserver_port"`
	DockerVolumeSize    *int              `json:"docker_volume_size"`
	ClusterDistro       *string           `json:"cluster_distro"`
	Links               []Link            `json:"links"`
	HTTPProxy           *string           `json:"http_proxy"`
	HTTPSProxy          *string           `json:"https_proxy"`
	NoProxy             *string           `json:"no_proxy"`
	VolumeDriver        *string           `json:"volume_driver"`
	RegistryEnabled     bool              `json:"registry_enabled"`
	Labels              map[string]string `json:"labels"`
	TLSDisabled         bool              `json:"tls_disabled"`
	Public              bool              `json:"public"`
	ServerType          string            `json:"server_type"`
	InsecureRegistry    *string           `json:"insecure_registry"`
	DockerStorageDriver *string           `json:"docker_storage_driver"`
	MasterLBEnabled     bool              `json:"master_lb_enabled"`
	FloatingIPEnabled   bool              `json:"floating_ip_enabled"`
	ProjectID           string            `json:"project_id"`
	UserID              string            `json:"user_id"`
	Hidden              bool              `json:"hidden"`
	Tags                *string           `json:"tags"`
	Driver              *string           `json:"driver"`
	CreatedAt           Time              `json:"created_at"`
	UpdatedAt           Time              `json:"updated_at"`
}

// Templates is a page of templates.
type Templates struct {
	Items []Template `json:"clustertemplates"`
	Next  string     `json:"next,omitempty"`
}

// TemplateOf shows a template.
func (s Site) TemplateOf(t jeroboam.Template) Template {
	return Template{
		UUID: t.ID, Name: t.Name, COE: t.COE, ImageID: t.Image, FlavorID: orNull(t.Flavor),
		MasterFlavorID: orNull(t.MasterFlavor), DNSNameserver: orNull(t.DNSNameserver), KeypairID: orNull(t.Keypair),
		ExternalNetworkID: orNull(t.ExternalNetwork), FixedNetwork: orNull(t.FixedNetwork), FixedSubnet: orNull(t.FixedSubnet),
		NetworkDriver: orNull(t.NetworkDriver), APIServerPort: orNull(t.APIServerPort), DockerVolumeSize: orNull(t.DockerVolumeSize),
		ClusterDistro: orNull(t.Distro), Links: s.links("clustertemplates/" + t.ID), HTTPProxy: orNull(t.HTTPProxy),
		HTTPSProxy: orNull(t.HTTPSProxy), NoProxy: orNull(t.NoProxy), VolumeDriver: orNull(t.VolumeDriver),
		RegistryEnabled: t.RegistryEnabled, Labels: orEmpty(t.Labels), TLSDisabled: t.TLSDisabled, Public: t.Public,
		ServerType: t.ServerType, InsecureRegistry: orNull(t.InsecureRegistry),
		DockerStorageDriver: orNull(t.DockerStorageDriver), MasterLBEnabled: t.MasterLBEnabled,
		FloatingIPEnabled: t.FloatingIPEnabled, ProjectID: t.Project, UserID: t.User, Hidden: t.Hidden, Tags: orNull(t.Tags),
		Driver: orNull(t.Driver), CreatedAt: Time{t.CreatedAt}, UpdatedAt: Time{t.UpdatedAt},
	}
}

// TemplateCreate is the body of a template's creation. The members a client
// leaves out get their defaults in Template.
type TemplateCreate struct {
	UUID                string            `json:"uuid,omitempty"`
	Name                string            `json:"name,omitempty"`
	COE                 string            `json:"coe"`
	ImageID             string            `json:"image_id"`
	FlavorID            string            `json:"flavor_id,omitempty"`
	MasterFlavorID      string            `json:"master_flavor_id,omitempty"`
	KeypairID           string            `json:"keypair_id,omitempty"`
	ExternalNetworkID   string            `json:"external_network_id,omitempty"`
	FixedNetwork        string            `json:"fixed_network,omitempty"`
	FixedSubnet         string            `json:"fixed_subnet,omitempty"`
	DNSNameserver       string            `json:"dns_nameserver,omitempty"`
	NetworkDriver       string            `json:"network_driver,omitempty"`
	VolumeDriver        string            `json:"volume_driver,omitempty"`
	DockerVolumeSize    int               `json:"docker_volume_size,omitempty"`
	DockerStorageDriver string            `json:"docker_storage_driver,omitempty"`
	APIServerPort       int               `json:"apiserver_port,omitempty"`
	HTTPProxy           string            `json:"http_proxy,omitempty"`
	HTTPSProxy          string            `json:"https_proxy,omitempty"`
	NoProxy             string            `json:"no_proxy,omitempty"`
	InsecureRegistry    string            `json:"insecure_registry,omitempty"`
	Labels              map[string]string `json:"labels,omitempty"`
	Tags                string            `json:"tags,omitempty"`
	Driver              string            `json:"driver,omitempty"`
	ServerType          string            `json:"server_type,omitempty"`
	RegistryEnabled     bool              `json:"registry_enabled,omitempty"`
	TLSDisabled         bool              `json:"tls_disabled,omitempty"`
	Public              bool              `json:"public,omitempty"`
	Hidden              bool              `json:"hidden,omitempty"`
	MasterLBEnabled     bool              `json:"master_lb_enabled,omitempty"`
	FloatingIPEnabled   *bool             `json:"floating_ip_enabled,omitempty"` // nil: true
}

// DecodeTemplate reads the body of a template's creation.
func DecodeTemplate(body []byte) (TemplateCreate, error) {
	o, err := readObject("cluster_template", body)
	if err != nil {
		return TemplateCreate{}, err
	}
	return readTemplate(o)
}

const longText = 255

func readTemplate(o *object) (TemplateCreate, error) {
	o.readOnly("links", "created_at", "updated_at", "project_id", "user_id")
	o.ignored("cluster_distro")
	o.required("image_id")
	text := func(name string) string { return value(o.text(name, longText)) }
	flag := func(name string) bool { return value(o.flag(name)) }
	t := TemplateCreate{
		UUID: text("uuid"), Name: text("name"), COE: text("coe"), ImageID: text("image_id"), FlavorID: text("flavor_id"),
		MasterFlavorID: text("master_flavor_id"), KeypairID: text("keypair_id"),
		ExternalNetworkID: text("external_network_id"), FixedNetwork: text("fixed_network"),
		FixedSubnet: text("fixed_subnet"), DNSNameserver: text("dns_nameserver"), NetworkDriver: text("network_driver"),
		VolumeDriver: text("volume_driver"), DockerVolumeSize: value(o.number("docker_volume_size", 1, anyInt)),
		DockerStorageDriver: text("docker_storage_driver"), APIServerPort: value(o.number("apiserver_port", 1024, 65535)),
		HTTPProxy: text("http_proxy"), HTTPSProxy: text("https_proxy"), NoProxy: text("no_proxy"),
		InsecureRegistry: text("insecure_registry"), Labels: o.labels("labels"), Tags: text("tags"), Driver: text("driver"),
		ServerType: value(o.word("server_type", "vm", "bm")), RegistryEnabled: flag("registry_enabled"),
		TLSDisabled: flag("tls_disabled"), Public: flag("public"), Hidden: flag("hidden"),
		MasterLBEnabled: flag("master_lb_enabled"), FloatingIPEnabled: o.flag("floating_ip_enabled"),
	}
	if t.UUID != "" && !jeroboam.IsUUID(t.UUID) {
		o.refuse("uuid", t.UUID, "unable to convert to uuid. Error: Expected a uuid but received %s.", clip(t.UUID))
	}
	return t, o.done()
}

// Template is the noun with Magnum's defaults filled in.
func (c TemplateCreate) Template() jeroboam.Template {
	t := jeroboam.Template{
		ID: c.UUID, Name: c.Name, COE: c.COE, Image: c.ImageID, Flavor: c.FlavorID, MasterFlavor: c.MasterFlavorID,
		Keypair: c.KeypairID, ExternalNetwork: c.ExternalNetworkID, FixedNetwork: c.FixedNetwork, FixedSubnet: c.FixedSubnet,
		DNSNameserver: c.DNSNameserver, NetworkDriver: c.NetworkDriver, VolumeDriver: c.VolumeDriver,
		APIServerPort: c.APIServerPort, DockerVolumeSize: c.DockerVolumeSize, DockerStorageDriver: c.DockerStorageDriver,
		HTTPProxy: c.HTTPProxy, HTTPSProxy: c.HTTPSProxy, NoProxy: c.NoProxy, InsecureRegistry: c.InsecureRegistry,
		Labels: c.Labels, Tags: c.Tags, Driver: c.Driver, ServerType: c.ServerType, RegistryEnabled: c.RegistryEnabled,
		TLSDisabled: c.TLSDisabled, Public: c.Public, Hidden: c.Hidden, MasterLBEnabled: c.MasterLBEnabled,
		FloatingIPEnabled: c.FloatingIPEnabled == nil || *c.FloatingIPEnabled,
	}
	if t.ServerType == "" {
		t.ServerType = "vm"
	}
	return t
}

var templateRules = patchRules{
	mandatory: []string{"image_id", "coe", "network_driver", "external_network_id", "tls_disabled", "public",
		"server_type", "registry_enabled", "cluster_distro", "hidden"},
	literals: []string{"labels"},
}

// DecodeTemplatePatch reads a patch of a template.
func DecodeTemplatePatch(body []byte) (Patch, error) { return decodePatch(body, templateRules) }

// Template returns t as the patch leaves it. What the patch did not name is
// untouched; what it removed has its default.
func (p Patch) Template(t jeroboam.Template) (jeroboam.Template, error) {
	doc, err := p.apply(templateDocument(t), templateRules)
	if err != nil {
		return t, err
	}
	o := newObject("cluster_template", doc)
	c, err := readTemplate(o)
	if err != nil {
		return t, err
	}
	changed := c.Template()
	changed.ID, changed.Project, changed.User, changed.Distro = t.ID, t.Project, t.User, t.Distro
	changed.CreatedAt, changed.UpdatedAt, changed.Revision, changed.Seq = t.CreatedAt, t.UpdatedAt, t.Revision, t.Seq
	return changed, nil
}

// templateDocument is the template as the members a client may write.
func templateDocument(t jeroboam.Template) map[string]any {
	return map[string]any{
		"name": text(t.Name), "coe": text(t.COE), "image_id": text(t.Image), "flavor_id": text(t.Flavor),
		"master_flavor_id": text(t.MasterFlavor), "keypair_id": text(t.Keypair),
		"external_network_id": text(t.ExternalNetwork), "fixed_network": text(t.FixedNetwork),
		"fixed_subnet": text(t.FixedSubnet), "dns_nameserver": text(t.DNSNameserver),
		"network_driver": text(t.NetworkDriver), "volume_driver": text(t.VolumeDriver),
		"docker_volume_size": count(t.DockerVolumeSize), "docker_storage_driver": text(t.DockerStorageDriver),
		"apiserver_port": count(t.APIServerPort), "cluster_distro": text(t.Distro), "http_proxy": text(t.HTTPProxy),
		"https_proxy": text(t.HTTPSProxy), "no_proxy": text(t.NoProxy), "insecure_registry": text(t.InsecureRegistry),
		"labels": document(t.Labels), "tags": text(t.Tags), "driver": text(t.Driver), "server_type": t.ServerType,
		"registry_enabled": t.RegistryEnabled, "tls_disabled": t.TLSDisabled, "public": t.Public, "hidden": t.Hidden,
		"master_lb_enabled": t.MasterLBEnabled, "floating_ip_enabled": t.FloatingIPEnabled,
	}
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func count(n int) any {
	if n == 0 {
		return nil
	}
	return json.Number(strconv.Itoa(n))
}
