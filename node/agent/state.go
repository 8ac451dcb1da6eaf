package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// keptFile holds the last config that was applied, for a boot without the service.
const keptFile = "config.json"

// kept says whose config it is: a copied disk must not run another machine's.
type kept struct {
	Machine string      `json:"machine"`
	Config  node.Config `json:"config"`
}

// readUserData reads what the machine was born with.
func readUserData(path string) (node.UserData, error) {
	var u node.UserData
	data, err := os.ReadFile(path)
	if err != nil {
		return u, fmt.Errorf("read user-data: %w", err)
	}
	if err := json.Unmarshal(data, &u); err != nil {
		return u, fmt.Errorf("read user-data %s: %w", path, err)
	}
	if u.Machine == "" || u.Gateway == "" || u.CA == "" {
		return u, jeroboam.Errorf(jeroboam.Invalid, "user-data", "The user-data %s names no machine, gateway or CA.", path)
	}
	return u, nil
}

func (a *Agent) keep(config node.Config) error {
	data, err := json.Marshal(kept{Machine: a.userData.Machine, Config: config})
	if err != nil {
		return fmt.Errorf("keep the config: %w", err)
	}
	if err := replaceFile(filepath.Join(a.StateDir, keptFile), data, 0o600, true); err != nil {
		return fmt.Errorf("keep the config: %w", err)
	}
	return nil
}

// keptConfig returns the config of the last run; false when there is none or
// it cannot be used.
func (a *Agent) keptConfig() (node.Config, bool) {
	data, err := os.ReadFile(filepath.Join(a.StateDir, keptFile))
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			a.Logger.Warn("the kept config cannot be read", "err", err)
		}
		return node.Config{}, false
	}
	var k kept
	if err := json.Unmarshal(data, &k); err != nil {
		a.Logger.Warn("the kept config cannot be read", "err", err)
		return node.Config{}, false
	}
	return k.Config, k.Machine == a.userData.Machine
}
