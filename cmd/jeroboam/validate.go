package main

import (
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// complaint takes what is wrong with the setting of a key, and what to do.
type complaint func(key, remedy, format string, args ...any)

// validate reports every wrong setting, not the first alone.
func (c *config) validate() error {
	var errs []error
	wrong := func(key, remedy, format string, args ...any) {
		errs = append(errs, badConfig(key, format, args...).WithRemedy("%s", remedy))
	}
	c.validateRecords(wrong)
	c.validateAddresses(wrong)
	c.validateOffer(wrong)
	if c.Identity != identityEmbedded && c.Identity != identityKeystone {
		wrong("identity", "Give "+identityEmbedded+" or "+identityKeystone+".", "identity: there is no %q.", c.Identity)
	}
	c.Vault.validate(wrong)
	if c.Identity == identityKeystone || c.Vault.Kind == vaultBarbican {
		c.Keystone.validate(wrong)
	}
	c.Public.validate(wrong)
	c.Passage.validate(wrong)
	c.Observe.validate(wrong)
	c.validateLog(wrong)
	return errors.Join(errs...)
}

// validateRecords is about where the service keeps what it must remember.
func (c *config) validateRecords(wrong complaint) {
	if c.State == "" {
		wrong("state", "Name a directory with --state.", "state is empty.")
	}
	if url := c.Database.Reveal(); url != "" && !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
		wrong("database", "Give postgres://user:password@host:5432/database, or nothing.", "database is no address of a PostgreSQL database.")
	}
	if c.Shared != "" && c.Database == "" {
		wrong("shared", "Give the address of a PostgreSQL database, too, or leave it out.", "shared: servers can share only a PostgreSQL database.")
	}
}

// validateAddresses is about where the service is found.
func (c *config) validateAddresses(wrong complaint) {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		wrong("listen", "Give host:port, for example 127.0.0.1:9511.", "listen: %q is not an address.", c.Listen)
	}
	if _, _, err := net.SplitHostPort(c.GatewayListen); c.GatewayListen != "" && err != nil {
		wrong("gateway_listen", "Give host:port, or nothing.", "gateway_listen: %q is not an address.", c.GatewayListen)
	}
	if c.GatewayURL != "" && !validGatewayURL(c.GatewayURL) {
		wrong("gateway_url", "Give https://host:port, or nothing.", "gateway_url: %q is not an address for machines.", c.GatewayURL)
	}
	if c.GatewayPeerURL != "" && !validGatewayURL(c.GatewayPeerURL) {
		wrong("gateway_peer_url", "Give https://host:port, or nothing.", "gateway_peer_url: %q is not an address for servers.", c.GatewayPeerURL)
	}
}

// validateOffer is about what projects may have of the service.
func (c *config) validateOffer(wrong complaint) {
	if c.Labels != labelsWarn && c.Labels != labelsStrict {
		wrong("labels", "Give warn or strict.", "labels: %q is neither.", c.Labels)
	}
	for resource, limit := range c.quotas() {
		if limit < jeroboam.Unlimited {
			key := strings.ToLower(resource) + "_quota"
			wrong(key, "Give 0 or more, or -1 for no limit.", "%s: %d is no limit.", key, limit)
		}
	}
	if c.Concurrency < 1 {
		wrong("concurrency", "Give 1 or more.", "concurrency: %d is less than 1.", c.Concurrency)
	}
	if len(c.Drivers) == 0 {
		wrong("drivers", "Name at least one of: "+strings.Join(driverNames(), ", ")+".", "drivers is empty.")
	}
	for _, name := range c.Drivers {
		if !slices.Contains(driverNames(), name) {
			wrong("drivers", "Choose from: "+strings.Join(driverNames(), ", ")+".", "drivers: there is no driver %q.", name)
		}
	}
	if real, pretended := c.mixture(); real && pretended {
		wrong("drivers", "Serve the simulator with a state directory of its own.", "drivers: real and simulated machines do not mix in one service.")
	}
}

func (c *config) validateLog(wrong complaint) {
	if c.LogFormat != "text" && c.LogFormat != "json" {
		wrong("log_format", "Give text or json.", "log_format: %q is not a format.", c.LogFormat)
	}
	var level slog.Level
	if level.UnmarshalText([]byte(c.LogLevel)) != nil {
		wrong("log_level", "Give debug, info, warn or error.", "log_level: %q is not a level.", c.LogLevel)
	}
}

func badConfig(key, format string, args ...any) *jeroboam.Error {
	return jeroboam.Errorf(jeroboam.Invalid, "config-"+strings.ReplaceAll(key, "_", "-"), format, args...)
}
