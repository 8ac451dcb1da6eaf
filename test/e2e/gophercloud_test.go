package e2e

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"

	"github.com/jeroboam-cloud/jeroboam/test/gophercloud/life"
)

// TestAWholeLifeByGophercloud lets the unmodified client do everything, on real
// machines: the same scenario as on made-up ones.
func TestAWholeLifeByGophercloud(t *testing.T) {
	s := start(t)
	auth, _, _, err := clouds.Parse(clouds.WithLocations(filepath.Join(s.state, "clouds.yaml")), clouds.WithCloudName("jeroboam"))
	if err != nil {
		t.Fatal(err)
	}
	provider, err := openstack.AuthenticatedClient(t.Context(), auth)
	if err != nil {
		t.Fatal(err)
	}
	life.Run(t, provider, life.Options{COE: "kubernetes", Image: "host", Flavor: "m1.medium", Poll: 200 * time.Millisecond})
}
