package pack

// The JSON of the OCI image specification, v1.1, and of Docker's archives, as
// far as an image with one layer needs it.

const (
	mediaIndex    = "application/vnd.oci.image.index.v1+json"
	mediaManifest = "application/vnd.oci.image.manifest.v1+json"
	mediaConfig   = "application/vnd.oci.image.config.v1+json"
	mediaLayer    = "application/vnd.oci.image.layer.v1.tar"
	epoch         = "1970-01-01T00:00:00Z"
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type ociIndex struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

type ociManifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

type ociConfig struct {
	Created string    `json:"created"`
	Arch    string    `json:"architecture"`
	OS      string    `json:"os"`
	Config  runConfig `json:"config"`
	RootFS  rootFS    `json:"rootfs"`
	History []history `json:"history"`
}

type runConfig struct {
	User       string              `json:"User,omitempty"`
	Ports      map[string]struct{} `json:"ExposedPorts,omitempty"`
	Env        []string            `json:"Env,omitempty"`
	Entrypoint []string            `json:"Entrypoint,omitempty"`
	Cmd        []string            `json:"Cmd,omitempty"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type history struct {
	Created   string `json:"created"`
	CreatedBy string `json:"created_by"`
}

type dockerManifest struct {
	Config   string   `json:"Config"`
	RepoTags []string `json:"RepoTags"`
	Layers   []string `json:"Layers"`
}

func describe(mediaType string, content []byte) descriptor {
	return descriptor{MediaType: mediaType, Digest: "sha256:" + digest(content), Size: len(content)}
}

func configOf(image Image, layer []byte) ociConfig {
	ports := map[string]struct{}{}
	for _, p := range image.Ports {
		ports[p] = struct{}{}
	}
	return ociConfig{
		Created: epoch,
		Arch:    image.Arch,
		OS:      "linux",
		Config:  runConfig{User: image.User, Ports: ports, Env: image.Env, Entrypoint: image.Entrypoint, Cmd: image.Cmd},
		RootFS:  rootFS{Type: "layers", DiffIDs: []string{"sha256:" + digest(layer)}},
		History: []history{{Created: epoch, CreatedBy: "jeroboam distro/pack"}},
	}
}

func manifestOf(config, layer []byte) ociManifest {
	return ociManifest{SchemaVersion: 2, MediaType: mediaManifest, Config: describe(mediaConfig, config), Layers: []descriptor{describe(mediaLayer, layer)}}
}

func indexOf(image Image, manifest []byte) ociIndex {
	d := describe(mediaManifest, manifest)
	d.Annotations = map[string]string{
		"io.containerd.image.name":          image.Reference,
		"org.opencontainers.image.ref.name": image.Reference,
	}
	return ociIndex{SchemaVersion: 2, MediaType: mediaIndex, Manifests: []descriptor{d}}
}
