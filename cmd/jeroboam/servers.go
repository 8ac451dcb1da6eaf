package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/vault"
)

// Servers of one database must have the same keys and the same users. The
// database knows both by what is sealed in it, and whoever has others is refused
// when it starts.

// otherKeys says what is most likely wrong with the keys of one of several servers.
func (h *house) otherKeys(err error) error {
	e, ok := jeroboam.AsError(err)
	if h.config.Database == "" || len(h.config.Vault.Roots) > 0 || !ok || e.Reason != vault.ReasonKey {
		return err
	}
	return e.WithRemedy("Give this server the root key of the database's other servers: copy their %s to %s, share a directory with them (--shared), "+
		"or name theirs with --vault-root.", filepath.Base(ownKeys("")), ownKeys(h.state.Common))
}

func (h *house) openIdentity(ctx context.Context) (err error) {
	if h.config.Identity == identityKeystone {
		h.callers, err = keystoneCallers(ctx, h.config.Keystone, h.log)
		return err
	}
	dir := identityDir(h.state.Common)
	known, err := h.knownUsers(ctx)
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); known != "" && errors.Is(err, fs.ErrNotExist) {
		return otherUsers(dir)
	}
	if h.callers, err = ownCallers(dir, h.url); err != nil || h.config.Database == "" {
		return err
	}
	own := h.callers.own.Fingerprint()
	known, err = h.vault.Ensure(ctx, vaultOwner, vaultUsers, func() (jeroboam.Secret, error) { return jeroboam.Secret(own), nil })
	if err == nil && known.Reveal() != own {
		return otherUsers(dir)
	}
	return h.otherKeys(err)
}

// knownUsers tells which users a database was served with that several servers
// may share, "" for none. Those of SQLite lie beside it.
func (h *house) knownUsers(ctx context.Context) (jeroboam.Secret, error) {
	if h.config.Database == "" {
		return "", nil
	}
	known, err := h.vault.Get(ctx, vaultOwner, vaultUsers)
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return "", nil
	}
	return known, h.otherKeys(err)
}

// otherUsers refuses users that are not those of the database's other servers:
// the IDs and tokens of the one would be nothing to the other.
func otherUsers(dir string) error {
	return jeroboam.Errorf(jeroboam.Conflict, "users-differ", "The users in %s are not those that the database was served with before.", dir).
		WithRemedy("Share a directory with the database's other servers (--shared), restore this one from its backup, or use Keystone; " +
			"if those users are lost for good, run: jeroboam store adopt-users.")
}

// What the service itself keeps in the vault.
const (
	vaultOwner   = "service"
	vaultGateway = "gateway" // authority of agents
	vaultUsers   = "users"   // fingerprint of the users' token key
)
