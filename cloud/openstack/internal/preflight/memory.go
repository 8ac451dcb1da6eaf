package preflight

import (
	"context"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/networkipavailabilities"

	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/together"
)

// Memory remembers for a while what hardly changes, and for a moment what does:
// those who ask for several clusters in a row. The zero value is ready.
type Memory struct {
	zones, volumeZones, volumeTypes together.Memo[[]string]
	quotas                          together.Memo[Quotas]
	rooms                           together.Memo[*networkipavailabilities.NetworkIPAvailability]
}

const (
	remembered = time.Minute
	moment     = 5 * time.Second
)

// forget forgets the figures that were remembered before, and reports whether
// there were any.
func (m *Memory) forget(before time.Time) bool {
	quotas, rooms := m.quotas.Forget(before), m.rooms.Forget(before)
	return quotas || rooms
}

// Check asks, and says everything that speaks against the demand. What was
// remembered may speak for it only.
func (c Cloud) Check(ctx context.Context, want Demand) []error {
	began := time.Now()
	problems := Problems(want, c.Ask(ctx, want))
	if len(problems) > 0 && c.Memory.forget(began) {
		problems = Problems(want, c.Ask(ctx, want))
	}
	return problems
}

// figures are the quotas of a service, nil if it does not tell.
func (c Cloud) figures(ctx context.Context, service string, ask func(context.Context) (Quotas, error)) Quotas {
	told, err := c.Memory.quotas.Get(ctx, service, moment, ask)
	if err != nil {
		return nil
	}
	return told
}
