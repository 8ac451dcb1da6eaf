package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store/internal/jobs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks the file as ours: "JRBM", see PRAGMA application_id.
const applicationID = 0x4a52424d

// migrate brings the database to this version's schema, ours and River's.
func migrate(ctx context.Context, db *sql.DB, o Options) error {
	if err := checkOwner(ctx, db, o.Dir); err != nil {
		return err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	ours, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	rivers, err := rivermigrate.New(riversqlite.New(db), &rivermigrate.Config{Logger: jobs.Quiet(o.Logger)})
	if err != nil {
		return fmt.Errorf("read the job migrations: %w", err)
	}
	if err := checkVersion(ctx, db, ours, newest(rivers), o.Dir); err != nil {
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

// checkOwner marks a new database as ours and refuses one that some other
// program made.
func checkOwner(ctx context.Context, db *sql.DB, dir string) error {
	var id, tables int
	err := db.QueryRowContext(ctx, "SELECT application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id").Scan(&id, &tables)
	if err != nil {
		return fmt.Errorf("open the database: %w", classify(err))
	}
	if id == applicationID {
		return nil
	}
	if id == 0 && tables == 0 {
		_, err = db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID))
		return classify(err)
	}
	return jeroboam.Errorf(jeroboam.Unsupported, "state-foreign", "%s/%s is not a database of jeroboam.", dir, File).
		WithRemedy("Choose another state directory.")
}

// checkVersion refuses a database that a newer version has migrated; jobsWant
// is the newest of River's migrations that this program has.
func checkVersion(ctx context.Context, db *sql.DB, ours *goose.Provider, jobsWant int, dir string) error {
	have, want, err := ours.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema version: %w", classify(err))
	}
	jobsHave, err := jobsVersion(ctx, db)
	if err != nil {
		return fmt.Errorf("read the job schema version: %w", classify(err))
	}
	if have <= want && jobsHave <= jobsWant {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Unsupported, "state-version",
		"The state directory %s is of a newer version: its schema is %d.%d, this program knows %d.%d.", dir, have, jobsHave, want, jobsWant).
		WithRemedy("Run the version that wrote it or a newer one, or choose another state directory.")
}

// jobsVersion is the newest of River's migrations in the database, 0 for none.
// River's own reading of them fails on one it does not know.
func jobsVersion(ctx context.Context, db *sql.DB) (version int, err error) {
	var tables int
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'river_migration'").Scan(&tables)
	if err != nil || tables == 0 {
		return 0, err
	}
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM river_migration").Scan(&version)
	return version, err
}

func newest(rivers *rivermigrate.Migrator[*sql.Tx]) (version int) {
	for _, m := range rivers.AllVersions() {
		version = max(version, m.Version)
	}
	return version
}
