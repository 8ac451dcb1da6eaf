package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/sqlite"
	"github.com/jeroboam-cloud/jeroboam/store/storetest"
)

func BenchmarkBackend(b *testing.B) { storetest.Bench(b, openBench) }

func openBench(b *testing.B) store.Backend {
	b.Helper()
	s, err := sqlite.Open(context.Background(), sqlite.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() }) //nolint:errcheck // looked at by the suite
	return s
}

func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "state")
	for b.Loop() {
		s, err := sqlite.Open(context.Background(), sqlite.Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
