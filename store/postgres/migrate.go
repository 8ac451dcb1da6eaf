package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store/internal/jobs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versions is the table of our migrations, and what marks a schema as ours.
const versions = "jeroboam_schema"

// migrate brings the schema to this version, ours and River's. Servers that
// start at the same time do so one after the other.
func (b *Backend) migrate(ctx context.Context) (err error) {
	conn, err := b.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("open the database: %w", classify(err))
	}
	defer conn.Release()
	lock := fmt.Sprintf("pg_advisory_%%s(%d, hashtext(current_schema()))", lockSchema)
	if _, err := conn.Exec(ctx, "SELECT "+fmt.Sprintf(lock, "lock")); err != nil {
		return fmt.Errorf("open the database: %w", classify(err))
	}
	defer func() {
		_, failed := conn.Exec(context.WithoutCancel(ctx), "SELECT "+fmt.Sprintf(lock, "unlock"))
		err = errors.Join(err, classify(failed))
	}()
	if err := checkOwner(ctx, conn); err != nil {
		return err
	}
	db := stdlib.OpenDBFromPool(b.pool)
	defer db.Close()
	return b.up(ctx, conn, db)
}

func (b *Backend) up(ctx context.Context, conn *pgxpool.Conn, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	ours, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName(versions))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	rivers, err := rivermigrate.New(riverpgxv5.New(b.pool), &rivermigrate.Config{Logger: jobs.Quiet(b.log)})
	if err != nil {
		return fmt.Errorf("read the job migrations: %w", err)
	}
	done, err := checkVersion(ctx, conn, ours, newest(rivers))
	if err != nil || done {
		return err
	}
	if _, err := ours.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database: %w", classify(err))
	}
	if _, err := rivers.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the jobs: %w", classify(err))
	}
	return nil
}

// checkOwner refuses a schema in which some other program keeps its tables.
func checkOwner(ctx context.Context, conn *pgxpool.Conn) error {
	var schema *string
	var ours, tables bool
	err := conn.QueryRow(ctx, `SELECT current_schema(), to_regclass($1) IS NOT NULL,
		EXISTS (SELECT FROM pg_tables WHERE schemaname = current_schema())`, versions).Scan(&schema, &ours, &tables)
	if err != nil {
		return fmt.Errorf("open the database: %w", classify(err))
	}
	if schema == nil {
		return jeroboam.Errorf(jeroboam.Invalid, "database-schema", "The database has no schema of the names in search_path.").
			WithRemedy("Create the schema first.")
	}
	if ours || !tables {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Unsupported, "state-foreign", "The schema %s of the database holds the tables of another program.", *schema).
		WithRemedy("Make a database for jeroboam alone, or a schema, named by ?search_path=… at the end of the address.")
}

// checkVersion refuses a database that a newer version has migrated, and says
// if there is nothing left to do; jobsWant is the newest of River's migrations.
func checkVersion(ctx context.Context, conn *pgxpool.Conn, ours *goose.Provider, jobsWant int) (done bool, err error) {
	have, want, err := ours.GetVersions(ctx)
	if err != nil {
		return false, fmt.Errorf("read the schema version: %w", classify(err))
	}
	jobsHave, err := jobsVersion(ctx, conn)
	if err != nil {
		return false, fmt.Errorf("read the job schema version: %w", classify(err))
	}
	if have <= want && jobsHave <= jobsWant {
		return have == want && jobsHave == jobsWant, nil
	}
	return false, jeroboam.Errorf(jeroboam.Unsupported, "state-version",
		"The database is of a newer version: its schema is %d.%d, this program knows %d.%d.", have, jobsHave, want, jobsWant).
		WithRemedy("Run the version that wrote it or a newer one, or choose another database.")
}

// jobsVersion is the newest of River's migrations in the database, 0 for none.
func jobsVersion(ctx context.Context, conn *pgxpool.Conn) (version int, err error) {
	var there bool
	err = conn.QueryRow(ctx, "SELECT to_regclass('river_migration') IS NOT NULL").Scan(&there)
	if err != nil || !there {
		return 0, err
	}
	err = conn.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM river_migration").Scan(&version)
	return version, err
}

func newest(rivers *rivermigrate.Migrator[pgx.Tx]) (version int) {
	for _, m := range rivers.AllVersions() {
		version = max(version, m.Version)
	}
	return version
}
