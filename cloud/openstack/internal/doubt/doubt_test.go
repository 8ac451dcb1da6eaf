package doubt

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
		var d Doubts
		failed, waits, well := cloud.Scope{Cluster: "failed"}, cloud.Scope{Cluster: "waits"}, cloud.Scope{Cluster: "well"}
		lacks := cloud.Scope{Cluster: "lacks"}
		d.Note(failed, errors.New("no answer"))
		d.Note(waits, fault.Deleting("machine m"))
		d.Note(well, nil)
		d.Note(lacks, jeroboam.Errorf(jeroboam.Unsupported, "balancer", "The cloud has no load balancers."))
		for _, c := range []struct {
			scope cloud.Scope
			want  bool
		}{{failed, true}, {waits, false}, {well, false}, {lacks, false}} {
			if got := d.About(c.scope); got != c.want {
				t.Errorf("%s: doubted %v", c.scope.Cluster, got)
			}
		}
		time.Sleep(lasts + time.Second)
		if d.About(failed) {
			t.Error("it is doubted for good")
		}
	})
}
