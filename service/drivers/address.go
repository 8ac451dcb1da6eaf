package drivers

import (
	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/plan"
)

// checkAddress refuses an address of the API that cannot be had.
func (d Driver) checkAddress(wish jeroboam.Template) error {
	chosen := plan.LabelAddress.In(wish.Labels)
	refuse := func(format string, args ...any) *jeroboam.Error {
		return jeroboam.Errorf(jeroboam.Invalid, plan.LabelAddress.Name, format, args...)
	}
	switch own := plan.Address(chosen); {
	case wish.MasterLBEnabled && (own == plan.OnVirtual || own == plan.OnNode):
		return refuse("The label %s asks for another address of the API than a balancer's, master_lb_enabled for a balancer.", plan.LabelAddress.Name).
			WithRemedy("Leave one of them out.")
	case own == plan.OnVirtual && !d.Addresses:
		return refuse("The cloud of the driver %s has no virtual addresses.", d.Name).
			WithRemedy("Leave the label %s out, and set master_lb_enabled for a load balancer.", plan.LabelAddress.Name)
	case own == plan.OnVirtual && !d.Engine.Traits().VirtualAddress:
		return refuse("The control plane of a %s cluster cannot hand an address on.", wish.COE).
			WithRemedy("Leave the label %s out.", plan.LabelAddress.Name)
	}
	return nil
}

// CheckMasters refuses as many control-plane nodes as the engine cannot use, and
// more than the API's address can lead to, in Magnum's words where the address is
// not chosen.
func (d Driver) CheckMasters(wish jeroboam.Template, masters int) error {
	if masters%2 == 0 && d.Engine.Traits().OddMasters {
		return jeroboam.Errorf(jeroboam.Invalid, "master_count",
			"master nodegroup size of %d is invalid, size cannot be an even number.", masters).
			WithRemedy("Use 1, 3 or 5: an even number bears no more failures than one less.")
	}
	chosen := plan.LabelAddress.In(wish.Labels)
	switch {
	case masters == 1:
		return nil
	case chosen == string(plan.OnNode):
		return jeroboam.Errorf(jeroboam.Invalid, "master_count", "master_count must be 1 when the label %s is %s.", plan.LabelAddress.Name, chosen).
			WithRemedy("Choose %s or %s.", plan.OnBalancer, plan.OnVirtual)
	case chosen == "" && !wish.MasterLBEnabled:
		return jeroboam.Errorf(jeroboam.Invalid, "master_count", "master_count must be 1 when master_lb_enabled is False").
			WithRemedy("Set master_lb_enabled on the cluster or its template, or the label %s.", plan.LabelAddress.Name)
	}
	return nil
}
