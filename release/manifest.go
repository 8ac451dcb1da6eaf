package release

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jeroboam-cloud/jeroboam"
)

// ManifestFile is the name of the manifest in a bundle's folder.
const ManifestFile = "manifest.json"

// Schema is the manifest's version that this code reads and writes.
const Schema = 1

// PartKind says what a part is.
type PartKind string

// The kinds of part.
const (
	Binary PartKind = "binary" // an executable file
	Image  PartKind = "image"  // an OCI archive that docker load reads too
	Host   PartKind = "host"   // a program of the machine's own distribution; no file here
)

// Manifest describes a bundle: a folder with everything that a node of one COE
// version needs.
type Manifest struct {
	Schema  int    `json:"schema"`
	Name    string `json:"name"`    // the COE: "kubernetes"
	Version string `json:"version"` // the COE's version: "v1.36.3"
	OS      string `json:"os"`      // Go's name: "linux"
	Arch    string `json:"arch"`    // Go's name: "amd64"
	Parts   []Part `json:"parts"`   // sorted by name
}

// Part is one file of a bundle, or one program expected on the host.
type Part struct {
	Name      string   `json:"name"`
	Version   string   `json:"version,omitempty"`
	Kind      PartKind `json:"kind"`
	Path      string   `json:"path,omitempty"`      // within the bundle, with slashes
	SHA256    string   `json:"sha256,omitempty"`    // of the file, 64 hex digits
	Size      int64    `json:"size,omitempty"`      // bytes
	Links     []string `json:"links,omitempty"`     // a binary's other names, each its own program
	Reference string   `json:"reference,omitempty"` // an image's name: "jeroboam.local/pause:v1"
	Package   string   `json:"package,omitempty"`   // a host program's Debian package
}

// Load reads the manifest of the bundle in dir. It is NotFound when there is
// none and Invalid when it cannot be read or leads out of dir.
func Load(dir string) (Manifest, error) {
	var m Manifest
	text, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, jeroboam.Errorf(jeroboam.NotFound, "bundle-missing", "There is no bundle in %s.", dir).
			WithRemedy("Build it with `go run ./distro/build`, or name the folder that holds it.")
	}
	if err != nil {
		return m, fmt.Errorf("read manifest: %w", err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, badManifest(dir, "it is not the JSON of a manifest").Wrap(err)
	}
	return m, m.check(dir)
}

func (m Manifest) check(dir string) error {
	if m.Schema != Schema {
		return badManifest(dir, "schema %d is not %d", m.Schema, Schema)
	}
	seen := map[string]bool{}
	for _, p := range m.Parts {
		switch {
		case p.Name == "" || seen[p.Name]:
			return badManifest(dir, "part %q has no name of its own", p.Name)
		case p.Kind != Host && !filepath.IsLocal(p.Path):
			return badManifest(dir, "part %s has the path %q, which leads out of it", p.Name, p.Path)
		}
		seen[p.Name] = true
	}
	return nil
}

func badManifest(dir, format string, args ...any) *jeroboam.Error {
	return jeroboam.Errorf(jeroboam.Invalid, "bundle-manifest", "The bundle in %s is unusable: %s.", dir, fmt.Sprintf(format, args...)).
		WithRemedy("Build it again with `go run ./distro/build`.")
}

// Find returns the part called name; false when there is none.
func (m Manifest) Find(name string) (Part, bool) {
	for _, p := range m.Parts {
		if p.Name == name {
			return p, true
		}
	}
	return Part{}, false
}

// Digest is one SHA-256, in hex, of all that m says. Two bundles with the same
// digest hold the same bytes.
func Digest(m Manifest) string {
	text, _ := json.Marshal(m) // strings and numbers only: cannot fail
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
