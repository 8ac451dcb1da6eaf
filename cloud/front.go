package cloud

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
)

// Words of a balancer or virtual address in the ledger's Attributes.
const (
	AttributeAddress = "address"
	AttributePublic  = "public" // by which it is reached from outside, if that is another
)

// Stands asks the cloud whether the balancer or virtual address of a line of
// the ledger is there, with the addresses that the line tells. Lines of other
// kinds are not asked about.
func Stands(ctx context.Context, c Cloud, scope Scope, line jeroboam.Resource) (bool, error) {
	var is Balancer
	var err error
	switch line.Kind {
	case jeroboam.KindBalancer:
		if balancers, ok := c.(Balancers); ok {
			is, err = balancers.FindBalancer(ctx, scope, line.Name)
		}
	case jeroboam.KindAddress:
		if addresses, ok := c.(Addresses); ok {
			var a Address
			a, err = addresses.FindAddress(ctx, scope, line.Name)
			is = Balancer(a)
		}
	default:
		return true, nil
	}
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return false, nil
	}
	was := Balancer{CloudID: line.CloudID, Address: line.Attributes[AttributeAddress], Public: line.Attributes[AttributePublic]}
	return is == was, err
}
