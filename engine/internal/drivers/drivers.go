// Package drivers is the table of drivers: on which cloud a cluster's machines
// are, and what runs on them.
package drivers

import (
	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/coe"
)

// Driver is one row.
type Driver struct {
	Cloud     cloud.Cloud
	COE       coe.COE
	Catalogue cloud.Catalogue
	Bare      bool // machines are of metal
}

// Table has the rows by the driver's name, jeroboam.ClusterSpec.Driver.
type Table map[string]Driver

// Of finds the row a cluster was made with; jeroboam.Unsupported if it is gone.
func (t Table) Of(c jeroboam.Cluster) (Driver, error) {
	d, ok := t[c.Spec.Driver]
	if !ok {
		return Driver{}, jeroboam.Errorf(jeroboam.Unsupported, "driver", "This service has no driver %q.", c.Spec.Driver).
			WithRemedy("The operator enables the driver again.")
	}
	return d, nil
}
