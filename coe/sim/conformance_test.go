package sim_test

import (
	"testing"

	"github.com/jeroboam-cloud/jeroboam/coe/coetest"
	"github.com/jeroboam-cloud/jeroboam/coe/sim"
)

func TestConformance(t *testing.T) { coetest.Run(t, sim.Plain{}) }
