package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/vault"
	"github.com/jeroboam-cloud/jeroboam/vault/barbican"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed/keyfile"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed/kms"
)

// Where secrets may be kept.
const (
	vaultSealed   = "sealed"
	vaultBarbican = "barbican"
)

// vaultConfig is where secrets are kept, and the root keys of those in the
// database.
type vaultConfig struct {
	Kind   string   // "sealed" or "barbican"
	Roots  []string // "file:PATH", "credential:NAME" or "kms:SOCKET"; none: vault.keys of the state directory
	Prefix string   // of the names of secrets in Barbican
}

func (v *vaultConfig) flags(f *pflag.FlagSet) {
	f.StringVar(&v.Kind, "vault", vaultSealed, "where secrets are kept: "+vaultSealed+" in the database, or in "+vaultBarbican+" with the login of the keystone settings")
	f.StringSliceVar(&v.Roots, "vault-root", nil, "root keys that seal the vault's own: file:PATH, credential:NAME (of systemd) or kms:SOCKET (KMS v2 plugin).\n"+
		"The first seals, all of them open. Not given: file:vault.keys in the state directory")
	f.StringVar(&v.Prefix, "barbican-prefix", "jeroboam", "first part of the names of secrets in Barbican; another one for each service of a project")
}

func (v *vaultConfig) validate(wrong complaint) {
	if v.Kind != vaultSealed && v.Kind != vaultBarbican {
		wrong("vault", "Give "+vaultSealed+" or "+vaultBarbican+".", "vault: there is no %q.", v.Kind)
	}
	for _, root := range v.Roots {
		kind, place, _ := strings.Cut(root, ":")
		if place == "" || kind != "file" && kind != "credential" && kind != "kms" || kind == "credential" && filepath.Base(place) != place {
			wrong("vault_root", "Give file:PATH, credential:NAME or kms:SOCKET.", "vault_root: %q is no source of root keys.", root)
		}
	}
	if v.Prefix == "" || strings.ContainsAny(v.Prefix, "/ ") {
		wrong("barbican_prefix", "Give a word.", "barbican_prefix: %q is no word.", v.Prefix)
	}
}

// keep says what a copy of the database is of no use without.
func (v *vaultConfig) keep(state string) string {
	switch {
	case v.Kind == vaultBarbican:
		return "Its secrets are in Barbican: keep those"
	case len(v.Roots) > 0:
		return "Its secrets are sealed: keep the root keys of " + strings.Join(v.Roots, " and ")
	}
	return "Its secrets are sealed: keep a copy of " + ownKeys(state) + " in another place"
}

func ownKeys(state string) string { return filepath.Join(state, "vault.keys") }

// openVault opens the one vault or the other.
func openVault(ctx context.Context, c config, state string, db store.Backend) (v vault.Vault, end func() error, err error) {
	if c.Vault.Kind == vaultBarbican {
		return openBarbican(ctx, c, db)
	}
	roots, end, err := openRoots(c.Vault.Roots, state)
	if err != nil {
		return nil, nil, err
	}
	v, err = sealed.Open(ctx, sealed.Options{Store: db, Roots: roots})
	if err != nil {
		return nil, nil, errors.Join(err, end())
	}
	return v, end, nil
}

func openBarbican(ctx context.Context, c config, db store.Backend) (vault.Vault, func() error, error) {
	login, err := c.Keystone.options()
	if err != nil {
		return nil, nil, err
	}
	b, err := barbican.Open(ctx, barbican.Options{Store: db, Auth: login.Auth, Endpoint: login.Endpoint, TLS: login.TLS, Prefix: c.Vault.Prefix})
	if err != nil {
		return nil, nil, err
	}
	return b, func() error { b.Close(); return nil }, nil
}

// openRoots names the sources of root keys; end gives them up.
func openRoots(names []string, state string) (roots []sealed.Root, end func() error, err error) {
	var open []*kms.KMS
	end = func() error {
		var errs []error
		for _, k := range open {
			errs = append(errs, k.Close())
		}
		return errors.Join(errs...)
	}
	if len(names) == 0 {
		names = []string{"file:" + ownKeys(state)}
	}
	for _, name := range names {
		switch kind, place, _ := strings.Cut(name, ":"); kind {
		case "file":
			roots = append(roots, keyfile.New(place))
		case "credential":
			dir := os.Getenv("CREDENTIALS_DIRECTORY")
			if dir == "" {
				err := badConfig("vault_root", "vault_root: there is no credential %q: systemd gave this process none.", place).
					WithRemedy("Put LoadCredentialEncrypted=%s:/path/of/the/file into the service's unit.", place)
				return nil, nil, errors.Join(err, end())
			}
			roots = append(roots, keyfile.Given(filepath.Join(dir, place)))
		case "kms":
			k, err := kms.New(place)
			if err != nil {
				return nil, nil, errors.Join(err, end())
			}
			open, roots = append(open, k), append(roots, k)
		}
	}
	return roots, end, nil
}

// vaultCommand looks after the keys of secrets in the database.
func vaultCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "vault", Short: "Look after the keys that seal secrets", Args: cobra.NoArgs}
	add := func(use, short, long string, run func(*cobra.Command, config) error) {
		var c config
		var path string
		sub := &cobra.Command{Use: use, Short: short, Long: short + ".\n\n" + long, Args: cobra.NoArgs}
		sub.Flags().StringVar(&path, "config", "", "YAML file of settings")
		c.flags(sub.Flags(), programDir())
		hideBut(sub.Flags(), "config", "state", "database", "shared", "vault-root")
		sub.RunE = func(cmd *cobra.Command, _ []string) error {
			if err := c.load(cmd.Flags(), path, os.Getenv); err != nil {
				return err
			}
			if err := keysHere(c); err != nil {
				return err
			}
			return run(cmd, c)
		}
		cmd.AddCommand(sub)
	}
	add("status", "Print which keys there are and how many secrets each seals", "The service may run meanwhile.", vaultStatus)
	add("rekey", "Seal every secret with a new key and drop the old ones",
		"The new key is sealed with the newest key of the first --vault-root. A run that was stopped is taken up\n"+
			"by the next. Services on PostgreSQL go on meanwhile; one on SQLite is stopped first.", vaultRekey)
	return cmd
}

// keysHere refuses services that have no keys of their own, and none at all.
func keysHere(c config) error {
	if c.Vault.Kind != vaultSealed {
		return jeroboam.Errorf(jeroboam.Unsupported, "vault-elsewhere", "The secrets of this service are in Barbican, which has their keys.").
			WithRemedy("Ask Barbican's operator.")
	}
	if _, err := os.Stat(sqliteDir(c.State)); c.Database == "" && errors.Is(err, fs.ErrNotExist) {
		return jeroboam.Errorf(jeroboam.NotFound, "state", "No service has run on the state in %s.", c.State).
			WithRemedy("Name its directory with --state, or its database with JEROBOAM_DATABASE.")
	}
	return nil
}

// shownKey is a key for programs.
type shownKey struct {
	Key     string          `json:"key"`
	State   string          `json:"state"` // "seals" or "retiring"
	Secrets int             `json:"secrets"`
	Created string          `json:"created_at"`
	Root    string          `json:"root"`
	Problem *jeroboam.Cause `json:"problem,omitempty"`
}

func vaultStatus(cmd *cobra.Command, c config) (err error) {
	ctx := cmd.Context()
	db, err := openCopy(ctx, c, newLogger(c, cmd.ErrOrStderr()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	roots, end, err := openRoots(c.Vault.Roots, c.common())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	status, err := sealed.Look(ctx, db, roots...)
	if err != nil {
		return err
	}
	return printStatus(cmd, status)
}

func printStatus(cmd *cobra.Command, status sealed.Status) error {
	shown := []shownKey{}
	var rows [][]string
	for _, k := range status.Keys {
		state := map[bool]string{false: "seals", true: "retiring"}[k.Retiring]
		created := k.CreatedAt.Format("2006-01-02T15:04:05Z")
		shown = append(shown, shownKey{k.ID, state, k.Secrets, created, k.Root, k.Problem})
		rows = append(rows, []string{k.ID, state, fmt.Sprint(k.Secrets), created, k.Root})
	}
	if status.Rooted > 0 {
		shown = append(shown, shownKey{State: "retiring", Secrets: status.Rooted})
		rows = append(rows, []string{"(a root key itself)", "retiring", fmt.Sprint(status.Rooted), "", ""})
	}
	if err := printerOf(cmd).List(shown, []string{"KEY", "STATE", "SECRETS", "CREATED", "ROOT KEY"}, rows); err != nil {
		return err
	}
	for _, k := range status.Keys {
		if p := k.Problem; p != nil {
			return p.Err()
		}
	}
	return nil
}

func vaultRekey(cmd *cobra.Command, c config) error {
	return claimed(cmd.Context(), c, newLogger(c, cmd.ErrOrStderr()), func(db store.Archive) (err error) {
		roots, end, err := openRoots(c.Vault.Roots, c.common())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, end()) }()
		v, err := sealed.Open(cmd.Context(), sealed.Options{Store: db, Roots: roots})
		if err != nil {
			return err
		}
		done, err := v.Rekey(cmd.Context())
		if err != nil {
			return err
		}
		return printerOf(cmd).Text(
			map[string]any{"key": done.Key, "secrets": done.Secrets, "retired": done.Retired},
			"Sealed %d secrets with the new key %s; %d older keys are gone.", done.Secrets, done.Key, len(done.Retired))
	})
}
