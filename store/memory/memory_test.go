package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
	"github.com/jeroboam-cloud/jeroboam/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Database {
		disk := memory.NewDisk()
		return func(*testing.T) store.Backend { return disk.Open() }
	})
}
