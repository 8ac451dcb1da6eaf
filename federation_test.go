package jeroboam_test

import (
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
)

func TestAWholeIsAsHealthyAsItsWorstPart(t *testing.T) {
	for _, c := range []struct {
		parts []jeroboam.Health
		want  jeroboam.Health
	}{
		{nil, ""},
		{[]jeroboam.Health{jeroboam.Healthy, jeroboam.Healthy}, jeroboam.Healthy},
		{[]jeroboam.Health{""}, jeroboam.HealthUnknown},
		{[]jeroboam.Health{jeroboam.HealthUnknown, jeroboam.Healthy}, jeroboam.HealthUnknown},
		{[]jeroboam.Health{"", jeroboam.Healthy, jeroboam.Unhealthy}, jeroboam.Unhealthy},
	} {
		if got := jeroboam.WorstHealth(c.parts); got != c.want {
			t.Errorf("of %q: %q, want %q", c.parts, got, c.want)
		}
	}
}
