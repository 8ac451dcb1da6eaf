package openstack

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
)

func TestAFailedCallIsDoubtedForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d doubts
		failed, waits, well := cloud.Scope{Cluster: "failed"}, cloud.Scope{Cluster: "waits"}, cloud.Scope{Cluster: "well"}
		lacks := cloud.Scope{Cluster: "lacks"}
		d.note(failed, errors.New("no answer"))
		d.note(waits, fault.Deleting("machine m"))
		d.note(well, nil)
		d.note(lacks, jeroboam.Errorf(jeroboam.Unsupported, "balancer", "The cloud has no load balancers."))
		for _, c := range []struct {
			scope cloud.Scope
			want  bool
		}{{failed, true}, {waits, false}, {well, false}, {lacks, false}} {
			if got := d.about(c.scope); got != c.want {
				t.Errorf("%s: doubted %v", c.scope.Cluster, got)
			}
		}
		time.Sleep(doubtLasts + time.Second)
		if d.about(failed) {
			t.Error("it is doubted for good")
		}
	})
}
