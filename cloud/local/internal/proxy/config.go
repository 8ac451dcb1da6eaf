// Package proxy is a balancer of the local cloud: one address in front of
// several, as a process of its own that outlives the service.
package proxy

import (
	"encoding/json"
	"fmt"
	"os"
)

// ConfigFile is the config's name in a balancer's directory.
const ConfigFile = "config.json"

// Config is what a balancer does. It is read again when the process receives
// SIGHUP, and every second in case that was lost.
type Config struct {
	Listen   string   `json:"listen"`   // host:port
	Backends []string `json:"backends"` // host:port
}

// Save writes the config, whole or not at all.
func (c Config) Save(path string) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func load(path string) (Config, error) {
	var c Config
	data, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("read %s: %w", path, err)
	}
	return c, nil
}
