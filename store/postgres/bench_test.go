package postgres_test

import (
	"testing"

	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/storetest"
)

func BenchmarkBackend(b *testing.B) {
	storetest.Bench(b, func(b *testing.B) store.Backend { return opened(b, database.Database(b)) })
}

func BenchmarkOpen(b *testing.B) {
	url := database.Database(b)
	for b.Loop() {
		if err := open(b, url).Close(); err != nil {
			b.Fatal(err)
		}
	}
}
