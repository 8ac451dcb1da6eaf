package main

import (
	"errors"
	"net"
	"net/url"
	"os"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cmd/jeroboam/internal/heir"
	"github.com/jeroboam-cloud/jeroboam/cmd/jeroboam/internal/state"
)

// agentURL is where a machine of this host finds the service: the local cloud
// shows it the directory that holds the socket there.
const agentURL = "unix:///run/jeroboam/gateway.sock"

// longestSocket is what the kernel takes as the path of a socket, see unix(7).
const longestSocket = 107

// validGatewayURL tells whether an agent could dial it.
func validGatewayURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.Port() != "" && u.Path == "" && u.RawQuery == ""
}

// checkRemoteGateway refuses a cloud whose machines would look for the service
// in vain.
func checkRemoteGateway(c config, drivers []driver) error {
	for _, d := range drivers {
		if d.cloud.Capabilities().StockImages && (c.GatewayURL == "" || c.GatewayListen == "") {
			return badConfig("gateway_url", "Machines of the driver %s must reach the service over the network.", d.Name).
				WithRemedy("Give --gateway-listen an address, and --gateway-url the one by which the machines find it, as https://host:port.")
		}
	}
	return nil
}

// gatewayNames are what the gateway's certificate must be good for besides its
// own name.
func gatewayNames(c config) []string {
	if c.GatewayURL == "" {
		return []string{socketName}
	}
	u, err := url.Parse(c.GatewayURL)
	if err != nil {
		return nil // refused when the configuration was read
	}
	return []string{socketName, u.Hostname()}
}

// socketName is what an autoscaler takes for the name of a server behind a
// socket: the scheme of its address.
const socketName = "unix"

func gatewayDir(s *state.Directory) string { return s.Shared("gateway") }

// listenForAgents opens the socket that machines of this host see, and the TCP
// address if one is configured.
func listenForAgents(s *state.Directory, tcp string) (_ []net.Listener, err error) {
	if err := os.MkdirAll(gatewayDir(s), 0o700); err != nil {
		return nil, state.Error(s.Common, err)
	}
	path := s.Shared("gateway", "gateway.sock")
	if len(path) > longestSocket {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "state-path", "The directory %s is too deep for a socket in it.", s.Common).
			WithRemedy("Name one with a path of at most %d characters.", longestSocket-len(path)+len(s.Common))
	}
	socket, err := heir.Listen(path, s.Shared("gateway.lock"))
	if err != nil {
		return nil, err
	}
	all := []net.Listener{socket}
	if tcp != "" {
		l, err := listen(tcp, "--gateway-listen")
		if err != nil {
			return nil, errors.Join(err, socket.Close())
		}
		all = append(all, l)
	}
	return all, nil
}
