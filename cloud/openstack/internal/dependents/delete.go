package dependents

import (
	"context"
	"net/http"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
)

// Delete deletes one by its ID; absent is success. What takes its time is
// "deleting" until it is gone.
func Delete(ctx context.Context, p Project, o cloud.Object) error {
	switch o.Kind {
	case jeroboam.KindFloatingAddress:
		return fault.Gone("floating address "+o.Name, floatingips.Delete(ctx, p.Network, o.CloudID).ExtractErr())
	case jeroboam.KindSecurityGroup:
		return fault.Gone("security group "+o.Name, groups.Delete(ctx, p.Network, o.CloudID).ExtractErr())
	case jeroboam.KindPort:
		return fault.Gone("port "+o.Name, ports.Delete(ctx, p.Network, o.CloudID).ExtractErr())
	}
	s := p.slowly(o.Kind)
	if s.client == nil {
		return nil // the service is gone, and all that it held
	}
	return s.delete(ctx, o)
}

// slow is a kind of object that is still there for a while after it was deleted.
type slow struct {
	service string
	client  *gophercloud.ServiceClient
	path    string
	key     string // of the object in the answer
	query   string // of the deletion
}

func (p Project) slowly(kind string) slow {
	switch kind {
	case jeroboam.KindLoadBalancer:
		return slow{"Octavia", p.Balancer, "lbaas/loadbalancers", "loadbalancer", "?cascade=true"}
	case jeroboam.KindVolume:
		return slow{"Cinder", p.Volume, "volumes", "volume", ""}
	case jeroboam.KindSnapshot:
		return slow{"Cinder", p.Volume, "snapshots", "snapshot", ""}
	case jeroboam.KindShare:
		return slow{"Manila", p.Share, "shares", "share", ""}
	}
	return slow{"Manila", p.Share, "snapshots", "snapshot", ""}
}

func (s slow) delete(ctx context.Context, o cloud.Object) error {
	what := o.Kind + " " + o.Name
	status, err := s.status(ctx, o.CloudID)
	switch {
	case fault.Absent(err), status == "DELETED": // Octavia shows what is gone for a while
		return nil
	case err != nil:
		return fault.Refuse(s.service, "show the "+what, err)
	case status == "deleting", status == "PENDING_DELETE":
		return fault.Deleting(what)
	case status == "in-use", status == "detaching":
		// The cluster's servers are gone: somebody else's has it, or Nova is about to let go.
		return jeroboam.Errorf(jeroboam.Unavailable, "volume-in-use", "The %s (%s) is still attached to a server.", what, o.CloudID).
			WithRemedy("Detach it, or delete the server: openstack volume show %s. It is tried again by itself.", o.CloudID)
	}
	_, err = s.client.Delete(ctx, s.client.ServiceURL(s.path, o.CloudID)+s.query, &gophercloud.RequestOpts{OkCodes: []int{http.StatusAccepted, http.StatusNoContent}})
	switch {
	case fault.Absent(err):
		return nil
	case err != nil:
		return fault.Refuse(s.service, "delete the "+what, err)
	}
	return fault.Deleting(what)
}

func (s slow) status(ctx context.Context, id string) (string, error) {
	var answer map[string]struct {
		Status       string
		Provisioning string `json:"provisioning_status"`
	}
	_, err := s.client.Get(ctx, s.client.ServiceURL(s.path, id), &answer, nil)
	return answer[s.key].Status + answer[s.key].Provisioning, err
}
