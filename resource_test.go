package jeroboam_test

import (
	"slices"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
)

func TestWhatIsInUseStandsAfterItsUser(t *testing.T) {
	order, users := jeroboam.KindsMadeByCluster(), 0
	for at, kind := range order {
		if first := jeroboam.GoesAfter(kind); first != "" {
			users++
			if !slices.Contains(order[:at], first) {
				t.Errorf("%s goes before %s", kind, first)
			}
		}
	}
	if users == 0 {
		t.Error("nothing is used by anything")
	}
}

func TestDataIsWhatNobodyCanMakeAgain(t *testing.T) {
	for _, kind := range jeroboam.KindsMadeByCluster() {
		data := slices.Contains([]string{"volume", "snapshot", "share", "share-snapshot"}, kind)
		if jeroboam.HoldsData(kind) != data || !jeroboam.MadeByCluster(kind) {
			t.Errorf("%s holds data: %v, is made by clusters: %v", kind, jeroboam.HoldsData(kind), jeroboam.MadeByCluster(kind))
		}
	}
	for _, kind := range []string{jeroboam.KindNetwork, jeroboam.KindBalancer, jeroboam.KindAddress, jeroboam.KindMachine, jeroboam.KindCredential, ""} {
		if jeroboam.HoldsData(kind) || jeroboam.MadeByCluster(kind) || jeroboam.GoesAfter(kind) != "" {
			t.Errorf("%q is said to be made by clusters", kind)
		}
	}
}
