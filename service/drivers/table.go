// Package drivers is the table of drivers that wishes are judged by: which row
// serves a wish, what is against it by the row's engine and labels, and what its
// cloud says of it. It asks clouds and writes nothing down.
package drivers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/service/internal/labels"
)

// Driver is a row of the table of drivers with what wishes are judged by.
type Driver struct {
	jeroboam.Driver
	Engine      Engine
	Catalogue   cloud.Catalogue
	Preflight   Preflight
	Dependents  cloud.Dependents // nil: clusters make nothing for themselves there
	Labels      []jeroboam.Label // that its cloud obeys
	Credentials bool             // the cloud gives each cluster a credential of its own
	Volumes     bool             // and machines volumes
	Addresses   bool             // the cloud keeps addresses that control-plane nodes hand on
}

// Engine is the part of a coe.COE that judges wishes.
type Engine interface {
	Traits() coe.Traits
	Check(jeroboam.Template) error
}

// Table is every driver that is configured. It does not change once it is made.
type Table struct {
	Options
	labels labels.Registry
}

// Options are what a Table is made of.
type Options struct {
	Drivers []Driver
	// Versions tells which versions of a COE can be made, the default first.
	Versions func(coe string) []string
	Common   []jeroboam.Label // that every COE obeys, or none does
	Strict   bool             // labels that have no effect are refused; else they are only told of
}

// New returns the table over the options.
func New(o Options) *Table {
	sources := make([]labels.Source, len(o.Drivers))
	for i, d := range o.Drivers {
		sources[i] = labels.Source{COE: d.COE, Labels: slices.Concat(d.Engine.Traits().Labels, d.Labels)}
	}
	return &Table{o, labels.New(o.Common, sources)}
}

// Of finds the driver that a cluster was made with.
func (t *Table) Of(c jeroboam.Cluster) (Driver, error) {
	for _, d := range t.Drivers {
		if d.Name == c.Spec.Driver {
			return d, nil
		}
	}
	return Driver{}, jeroboam.Errorf(jeroboam.Unsupported, "driver", "The driver %s of cluster %s is not configured.", c.Spec.Driver, c.Name).
		WithRemedy("The operator configures it again.")
}

// For chooses the driver that serves a wish's server type, image and COE. It
// fills in the image's distro.
func (t *Table) For(ctx context.Context, project string, wish *jeroboam.Template) (Driver, error) {
	if wish.COE == "" {
		return Driver{}, jeroboam.Errorf(jeroboam.Invalid, "coe", "Requested COE type Unset is not supported.").
			WithRemedy("Use one of: %s.", strings.Join(t.coes(), ", "))
	}
	if !slices.Contains(t.coes(), wish.COE) {
		return Driver{}, jeroboam.Errorf(jeroboam.Invalid, "coe",
			"Invalid input for field/attribute coe. Value: '%s'. Value should be one of: %s", wish.COE, strings.Join(t.coes(), ", "))
	}
	cloud, image, err := t.FindImage(ctx, project, wish.Image)
	if err != nil {
		return Driver{}, err
	}
	wish.Distro = image.Distro
	want := cmp.Or(wish.Driver, image.Driver)
	for _, d := range t.Drivers {
		if d.Cloud == cloud && d.ServerType == wish.ServerType && d.Distro == image.Distro && d.COE == wish.COE &&
			(want == "" || d.Name == want) {
			return d, nil
		}
	}
	return Driver{}, t.none(*wish, want)
}

// none says that no row serves a wish.
func (t *Table) none(wish jeroboam.Template, want string) error {
	var have []string
	for _, d := range t.Drivers {
		have = append(have, fmt.Sprintf("%s (%s, %s, %s)", d.Name, d.ServerType, d.Distro, d.COE))
	}
	by := ""
	if want != "" {
		by = " by driver " + want
	}
	return jeroboam.Errorf(jeroboam.Invalid, "driver", "Cluster type (%s, %s, %s) not supported%s.",
		wish.ServerType, cmp.Or(wish.Distro, "None"), wish.COE, by).
		WithRemedy("Drivers and the server type, image distribution and COE they serve: %s.", strings.Join(have, ", "))
}

func (t *Table) coes() []string {
	var names []string
	for _, d := range t.Drivers {
		if !slices.Contains(names, d.COE) {
			names = append(names, d.COE)
		}
	}
	return names
}

// FindImage finds an image and the cloud that has it: each is asked once, in the
// order of the table.
func (t *Table) FindImage(ctx context.Context, project, ident string) (string, jeroboam.Image, error) {
	var asked []string
	var missing error
	for _, d := range t.Drivers {
		if slices.Contains(asked, d.Cloud) {
			continue
		}
		asked = append(asked, d.Cloud)
		image, err := d.Catalogue.FindImage(ctx, project, ident)
		if err == nil {
			return d.Cloud, image, nil
		}
		if jeroboam.KindOf(err) != jeroboam.NotFound {
			return "", image, fmt.Errorf("find image %s: %w", ident, err)
		}
		missing = errors.Join(missing, err)
	}
	return "", jeroboam.Image{}, unknownImage(ident, missing)
}

// LabelVersion is the label that names the version of the COE.
const LabelVersion = "kube_tag"

// Version resolves the version that the labels of a wish ask for.
func (t *Table) Version(coe string, labels map[string]string) (string, error) {
	have := t.Versions(coe)
	if len(have) == 0 {
		return "", jeroboam.Errorf(jeroboam.Invalid, "version", "No version of %s is installed.", coe).
			WithRemedy("The operator installs a bundle: jeroboam bundle --help.")
	}
	want := labels[LabelVersion]
	if want == "" {
		return have[0], nil
	}
	for _, v := range have {
		if strings.TrimPrefix(v, "v") == strings.TrimPrefix(want, "v") {
			return v, nil
		}
	}
	return "", jeroboam.Errorf(jeroboam.Invalid, "version", "Version %s of %s (label %s) does not exist here.", want, coe, LabelVersion).
		WithRemedy("Use one of: %s.", strings.Join(have, ", "))
}
