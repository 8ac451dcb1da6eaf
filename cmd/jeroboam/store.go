package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cmd/jeroboam/internal/state"
	"github.com/jeroboam-cloud/jeroboam/identity/embedded"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/postgres"
	"github.com/jeroboam-cloud/jeroboam/store/sqlite"
)

// openStore opens the one database or the other.
func openStore(ctx context.Context, database jeroboam.Secret, state string, log *slog.Logger) (store.Archive, error) {
	if database != "" {
		return postgres.Open(ctx, postgres.Options{URL: database, Logger: log})
	}
	return sqlite.Open(ctx, sqlite.Options{Dir: sqliteDir(state), Logger: log})
}

func sqliteDir(state string) string { return filepath.Join(state, "store") }

// storeCommand looks after the records, mostly while no service runs.
func storeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "store", Short: "Look after the records of the service: backup, export, import", Args: cobra.NoArgs}
	add := func(use, short, long string, run func(ctx context.Context, cmd *cobra.Command, c config, file string) error) {
		var c config
		var path string
		sub := &cobra.Command{Use: use, Short: short, Long: short + ".\n\n" + long, Args: cobra.ExactArgs(1)}
		if !strings.Contains(use, " ") {
			sub.Args = cobra.NoArgs
		}
		sub.Flags().StringVar(&path, "config", "", "YAML file of settings")
		c.flags(sub.Flags(), programDir())
		hideBut(sub.Flags(), "config", "state", "database", "shared")
		sub.RunE = func(cmd *cobra.Command, args []string) error {
			if err := c.load(cmd.Flags(), path, os.Getenv); err != nil {
				return err
			}
			return run(cmd.Context(), cmd, c, append(args, "")[0])
		}
		cmd.AddCommand(sub)
	}
	add("migrate", "Bring the database to this version's schema", "The service does so by itself when it starts.", migrateStore)
	add("backup FILE", "Copy the SQLite database into a new file", "The service may run meanwhile; the copy is of one moment.", backupStore)
	add("restore FILE", "Make a backup the SQLite database of a state directory that has none", "No service may run on that directory.", restoreStore)
	add("export FILE", "Write every record as lines of JSON; \"-\" is the standard output",
		"The service may run meanwhile; the export is of one moment. Secrets in it are sealed.", exportStore)
	add("import FILE", "Fill an empty database with an export; \"-\" is the standard input",
		"Records keep their revisions, and every cluster is looked at again. All is imported, or nothing.", importStore)
	add("adopt-users", "Take the users of this server for those of the database",
		"For a PostgreSQL database whose users were lost: whoever owns clusters in it is then known to an administrator alone.", adoptUsers)
	return cmd
}

// hideBut leaves only these flags in the help; the rest stay valid, since
// the variables and the file of the service are read.
func hideBut(f *pflag.FlagSet, shown ...string) {
	f.VisitAll(func(flag *pflag.Flag) {
		flag.Hidden = true
		for _, name := range shown {
			flag.Hidden = flag.Hidden && flag.Name != name
		}
	})
}

// claimed runs f on a database that no other process may serve meanwhile; the
// state directory is kept if f succeeds.
func claimed(ctx context.Context, c config, log *slog.Logger, f func(store.Archive) error) error {
	if c.Database != "" {
		return opened(ctx, c, log, f)
	}
	s, err := state.Open(c.State)
	if err != nil {
		return err
	}
	if err = opened(ctx, c, log, f); err == nil {
		s.Keep()
	}
	return errors.Join(err, s.Close())
}

func opened(ctx context.Context, c config, log *slog.Logger, f func(store.Archive) error) error {
	b, err := openStore(ctx, c.Database, c.State, log)
	if err != nil {
		return err
	}
	return errors.Join(f(b), b.Close())
}

func migrateStore(ctx context.Context, cmd *cobra.Command, c config, _ string) error {
	err := claimed(ctx, c, newLogger(c, cmd.ErrOrStderr()), func(store.Archive) error { return nil })
	if err == nil {
		_, err = fmt.Fprintln(cmd.ErrOrStderr(), "The database has this version's schema.")
	}
	return err
}

func adoptUsers(ctx context.Context, cmd *cobra.Command, c config, _ string) (err error) {
	if c.Database == "" {
		return jeroboam.Errorf(jeroboam.Unsupported, "not-shared", "The users of this service lie beside its database.").
			WithRemedy("Nothing needs to be done; or name a PostgreSQL database with --database.")
	}
	dir := c.common()
	own, err := embedded.Open(embedded.Options{Dir: identityDir(dir)})
	if err != nil {
		return err
	}
	err = opened(ctx, c, newLogger(c, cmd.ErrOrStderr()), func(b store.Archive) error {
		v, end, err := openVault(ctx, c, dir, b)
		if err != nil {
			return err
		}
		return errors.Join(v.Put(ctx, vaultOwner, vaultUsers, jeroboam.Secret(own.Fingerprint())), end())
	})
	if err = errors.Join(err, introduce(own, cmd.OutOrStdout())); err == nil {
		_, err = fmt.Fprintf(cmd.ErrOrStderr(), "The database is served with the users in %s.\n", identityDir(dir))
	}
	return err
}

func backupStore(ctx context.Context, cmd *cobra.Command, c config, file string) error {
	if c.Database != "" {
		return notSQLite("Make one with pg_dump, or use \"jeroboam store export\".")
	}
	if err := sqlite.Backup(ctx, sqliteDir(c.State), file); err != nil {
		return err
	}
	return sayDone(cmd, c, "Copied the database to "+file+".")
}

func restoreStore(ctx context.Context, cmd *cobra.Command, c config, file string) (err error) {
	if c.Database != "" {
		return notSQLite("Use pg_restore, or \"jeroboam store import\".")
	}
	s, err := state.Open(c.State)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := sqlite.Restore(ctx, file, sqliteDir(c.State)); err != nil {
		return err
	}
	s.Keep()
	return sayDone(cmd, c, "Restored the database from "+file+".")
}

func notSQLite(remedy string) error {
	return jeroboam.Errorf(jeroboam.Unsupported, "not-sqlite", "PostgreSQL has programs of its own for backups.").WithRemedy("%s", remedy)
}

// sayDone says what was done, and what a database is of no use without.
func sayDone(cmd *cobra.Command, c config, done string) error {
	dir := c.common()
	_, err := fmt.Fprintf(cmd.ErrOrStderr(), "%s\n%s, and the users in %s.\n", done, c.Vault.keep(dir), identityDir(dir))
	return err
}

func exportStore(ctx context.Context, cmd *cobra.Command, c config, file string) error {
	b, err := openCopy(ctx, c, newLogger(c, cmd.ErrOrStderr()))
	if err != nil {
		return err
	}
	n, err := exportTo(ctx, b, cmd.OutOrStdout(), file)
	if err = errors.Join(err, b.Close()); err != nil {
		return err
	}
	return sayDone(cmd, c, fmt.Sprintf("Exported %d records.", n))
}

func exportTo(ctx context.Context, b store.Archive, stdout io.Writer, file string) (int, error) {
	if file == "-" {
		return store.Export(ctx, b, stdout)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, badFile(file, err)
	}
	n, err := store.Export(ctx, b, f)
	if err = errors.Join(err, f.Close()); err != nil {
		err = errors.Join(err, os.Remove(file))
	}
	return n, err
}

// openCopy opens what a service may hold: PostgreSQL itself, or a backup of
// SQLite, which goes with its Close.
func openCopy(ctx context.Context, c config, log *slog.Logger) (store.Archive, error) {
	if c.Database != "" {
		return openStore(ctx, c.Database, "", log)
	}
	dir, err := os.MkdirTemp(c.State, "export")
	if err != nil {
		return nil, state.Error(c.State, err)
	}
	t := temporary{dir: dir}
	if err = sqlite.Backup(ctx, sqliteDir(c.State), filepath.Join(dir, sqlite.File)); err == nil {
		t.Archive, err = sqlite.Open(ctx, sqlite.Options{Dir: dir, Logger: log})
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return t, nil
}

// temporary is an Archive in a directory that goes with it.
type temporary struct {
	store.Archive
	dir string
}

func (t temporary) Close() error { return errors.Join(t.Archive.Close(), os.RemoveAll(t.dir)) }

func importStore(ctx context.Context, cmd *cobra.Command, c config, file string) error {
	in := cmd.InOrStdin()
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return badFile(file, err)
		}
		defer f.Close()
		in = f
	}
	return claimed(ctx, c, newLogger(c, cmd.ErrOrStderr()), func(b store.Archive) error {
		n, err := fill(ctx, b, in)
		if err != nil {
			return err
		}
		return sayDone(cmd, c, fmt.Sprintf("Imported %d records.", n))
	})
}

func fill(ctx context.Context, b store.Archive, in io.Reader) (int, error) {
	n, err := store.Import(ctx, b, in)
	if e, ok := jeroboam.AsError(err); ok && e.Reason == store.ReasonNotEmpty {
		return 0, e.WithRemedy("Name an empty database with --database, or a new directory with --state.")
	}
	return n, err
}

func badFile(file string, err error) error {
	return jeroboam.Errorf(jeroboam.Invalid, "file", "%s cannot be used.", file).
		WithRemedy("Name a file that can be read, or for an export a new one.").Wrap(err)
}
