package sim

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/cloudtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	cloudtest.Run(t, func(t *testing.T) cloudtest.Harness {
		c := New(Options{Quota: 6})
		stop := func(m cloud.Machine) {
			for cluster, tenant := range c.world {
				if tenant.machines[m.Name] != nil {
					if err := c.Kill(cluster, m.Name); err != nil {
						t.Error(err)
					}
				}
			}
		}
		return cloudtest.Harness{Open: func() cloud.Cloud { return c }, Stop: stop, Flavor: "small", Image: "sim",
			Full: &cloud.Demand{Machines: make([]jeroboam.Flavor, 7)}}
	})
}
