// Package boot writes the user-data of a machine that boots a stock image: a
// few lines that fetch the agent from the gateway, check its digest and start
// it, in the words that the image's operating system reads. They hold no
// secret but the one-time token.
package boot

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// userDataPath is where the agent looks for node.UserData.
const userDataPath = "/etc/jeroboam/user-data.json"

// system is how an operating system is told what to do at its first boot.
type system struct {
	render func(machine) ([]byte, error)
	bin    string // a directory for programs that can be written to and run from
}

// systems that do not read cloud-init's shell script, by the image's os_distro.
var systems = map[string]system{
	"fedora-coreos": {ignition, "/usr/local/bin"},
	"flatcar":       {ignition, "/opt/bin"},
}

// machine is what the templates are filled with.
type machine struct {
	Path     string // of user-data.json
	UserData string // its content
	Agent    string // path of the program
	URL      string // where it is had
	SHA256   string // of its bytes, hex
	CA       string // PEM of the gateway's authority
	Unit     string // systemd's
}

// Render writes the user-data of one machine whose image has the os_distro
// distro; agent is the program that the gateway offers. It refuses a gateway
// that machines elsewhere cannot reach.
func Render(distro string, u node.UserData, agent node.Upgrade) ([]byte, error) {
	if !strings.HasPrefix(u.Gateway, "https://") || agent.SHA256 == "" {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "gateway-url", "Machines that boot an image of their own cannot reach %q.", u.Gateway).
			WithRemedy("The operator names an address that they can reach with --gateway-url.")
	}
	data, err := json.Marshal(u)
	if err != nil {
		return nil, fmt.Errorf("user-data of %s: %w", u.Machine, err)
	}
	s, ok := systems[distro]
	if !ok {
		s = system{script, "/usr/local/bin"}
	}
	m := machine{
		Path: userDataPath, UserData: string(data), Agent: s.bin + "/jeroboam-agent",
		URL: u.Gateway + node.PathAgents + agent.Digest, SHA256: agent.SHA256, CA: u.CA,
	}
	m.Unit = unit(m.Agent)
	return s.render(m)
}

// unit is systemd's description of the agent. Its services are its own to stop
// and to start: they go on while the agent is replaced.
func unit(program string) string {
	return `[Unit]
Description=Jeroboam agent
After=network-online.target
Wants=network-online.target
[Service]
ExecStart=` + program + `
Restart=always
RestartSec=1
KillMode=process
Delegate=yes
TasksMax=infinity
LimitNOFILE=1048576
OOMScoreAdjust=-999
[Install]
WantedBy=multi-user.target
`
}
