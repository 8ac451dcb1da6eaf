package postgres_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/postgres"
	"github.com/jeroboam-cloud/jeroboam/store/storetest"
	server "github.com/jeroboam-cloud/jeroboam/test/postgres"
)

// database is the PostgreSQL of these tests.
var database server.Server

func TestMain(m *testing.M) {
	if url := os.Getenv(victimURL); url != "" {
		fmt.Fprintln(os.Stderr, victim(jeroboam.Secret(url)))
		os.Exit(1)
	}
	if err := flag.Set("rapid.checks", "25"); err != nil { // each life costs some connections
		panic(err)
	}
	code := m.Run()
	database.Stop()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func open(t testing.TB, url jeroboam.Secret) *postgres.Backend {
	t.Helper()
	b, err := postgres.Open(context.Background(), postgres.Options{URL: url, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// opened is open until the end of the test.
func opened(t testing.TB, url jeroboam.Secret) *postgres.Backend {
	t.Helper()
	b := open(t, url)
	t.Cleanup(func() { b.Close() }) //nolint:errcheck // never fails
	return b
}

func wantErr(t *testing.T, err error, kind jeroboam.Kind, reason string) {
	t.Helper()
	e, ok := jeroboam.AsError(err)
	if !ok || e.Kind != kind || e.Reason != reason {
		t.Errorf("error is %v; want %s, %s", err, kind, reason)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	fresh := func(t *testing.T) storetest.Database {
		url := database.Database(t)
		return func(t *testing.T) store.Backend { return open(t, url) }
	}
	storetest.Run(t, fresh)
	storetest.RunArchives(t, fresh)
}

func TestADatabaseThatCannotServeIsRefusedWithItsRemedy(t *testing.T) {
	for name, test := range map[string]struct {
		statement string
		change    func(url string) string
		kind      jeroboam.Kind
		reason    string
	}{
		"of a newer version":   {"INSERT INTO jeroboam_schema (version_id, is_applied) VALUES (99, true)", nil, jeroboam.Unsupported, "state-version"},
		"with newer jobs":      {"INSERT INTO river_migration (line, version) VALUES ('main', 99)", nil, jeroboam.Unsupported, "state-version"},
		"of another program":   {"DROP TABLE jeroboam_schema", nil, jeroboam.Unsupported, "state-foreign"},
		"not there":            {"SELECT 1", swap("/test", "/other"), jeroboam.Unavailable, store.ReasonGone},
		"without a server":     {"SELECT 1", swap("host=", "host=%2Fnowhere"), jeroboam.Unavailable, store.ReasonGone},
		"without a schema":     {"SELECT 1", swap("?", "?search_path=nowhere&"), jeroboam.Invalid, "database-schema"},
		"with a wrong address": {"SELECT 1", func(string) string { return "postgres://me:hunter2@host:nothing/x" }, jeroboam.Invalid, "database-url"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := database.Database(t)
			open(t, url).Close() //nolint:errcheck // never fails
			server.Execute(t, url, test.statement)
			if test.change != nil {
				url = jeroboam.Secret(test.change(url.Reveal()))
			}
			_, err := postgres.Open(context.Background(), postgres.Options{URL: url})
			wantErr(t, err, test.kind, test.reason)
			if e, _ := jeroboam.AsError(err); e != nil && e.Remedy == "" {
				t.Errorf("%v has no remedy", err)
			}
			if strings.Contains(fmt.Sprint(err), "hunter2") {
				t.Errorf("%v tells the password", err)
			}
		})
	}
}

func swap(old, new string) func(string) string {
	return func(url string) string { return strings.Replace(url, old, new, 1) }
}

func TestTheLogIsQuietWhileAllIsWell(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b, err := postgres.Open(context.Background(), postgres.Options{URL: database.Database(t), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	runs := make(chan string)
	stop := work(t, b, storetest.Report(runs))
	wake(t, b, "a")
	<-runs
	stop()
	b.Close() //nolint:errcheck // never fails
	if log.Len() > 0 {
		t.Errorf("logged:\n%s", &log)
	}
}

func TestServersThatStartTogetherMigrateOnce(t *testing.T) {
	t.Parallel()
	url := database.Database(t)
	done := make(chan error)
	const servers = 4
	for range servers {
		go func() {
			b, err := postgres.Open(context.Background(), postgres.Options{URL: url})
			if err == nil {
				err = b.Close()
			}
			done <- err
		}()
	}
	for range servers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
