package boot

import (
	"encoding/base64"
	"encoding/json"

	"github.com/coreos/ignition/v2/config/v3_1/types"
)

// ignition is what Fedora CoreOS and Flatcar apply before their first boot.
func ignition(m machine) ([]byte, error) {
	files := []types.File{
		file(m.Path, 0o600, inline(m.UserData)),
		file(m.Agent, 0o755, types.Resource{Source: &m.URL, Verification: types.Verification{Hash: new("sha256-" + m.SHA256)}}),
	}
	return json.Marshal(types.Config{
		Ignition: types.Ignition{
			Version:  types.MaxVersion.String(), // the oldest that knows sha256
			Security: types.Security{TLS: types.TLS{CertificateAuthorities: []types.Resource{inline(m.CA)}}},
		},
		Storage: types.Storage{Files: files},
		Systemd: types.Systemd{Units: []types.Unit{{Name: "jeroboam-agent.service", Enabled: new(true), Contents: &m.Unit}}},
	})
}

func file(path string, mode int, contents types.Resource) types.File {
	return types.File{
		Node:          types.Node{Path: path},
		FileEmbedded1: types.FileEmbedded1{Mode: &mode, Contents: contents},
	}
}

func inline(text string) types.Resource {
	return types.Resource{Source: new("data:;base64," + base64.StdEncoding.EncodeToString([]byte(text)))}
}
