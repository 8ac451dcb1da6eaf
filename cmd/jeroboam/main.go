// Command jeroboam is the whole program: the service, the command line that
// calls it, and the first processes of the local cloud's machines and
// balancers. This package alone knows every concrete cloud, COE and store.
package main

import (
	"os"

	"github.com/jeroboam-cloud/jeroboam/cli"
)

// version is set by the linker.
var version = "unknown"

func main() {
	os.Exit(cli.Main(cli.Host{
		Version:    version,
		Serve:      serveCommand(),
		Policy:     policyCommands(),
		Store:      storeCommand(),
		Vault:      vaultCommand(),
		Hidden:     localCommands(),
		Diagnose:   diagnose,
		Teardown:   teardown,
		AddUser:    addUser,
		ListUsers:  listUsers,
		DeleteUser: deleteUser,
	}, os.Args[1:], os.Stdout, os.Stderr))
}
