package drivers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

func unknownImage(ident string, missing error) error {
	return unknown("image", fmt.Sprintf("Image %s could not be found.", ident), missing)
}

// unknown is a wish for something that the cloud does not have: the user's
// mistake, with the cloud's own list of what exists as the remedy.
func unknown(reason, detail string, missing error) error {
	e := jeroboam.Errorf(jeroboam.Invalid, reason, "%s", detail).Wrap(missing)
	if cause, ok := jeroboam.AsError(missing); ok {
		e.Remedy = strings.TrimSpace(cause.Remedy)
		if e.Remedy == "" {
			e.Remedy = cause.Detail
		}
	}
	return e
}

// FindAll looks up everything that a wish names on its cloud, but the image and
// the key pair, and joins what is missing.
func (d Driver) FindAll(ctx context.Context, project string, wish jeroboam.Template) error {
	var missing []error
	for _, flavor := range slices.Compact([]string{wish.Flavor, wish.MasterFlavor}) {
		_, err := d.FindFlavor(ctx, project, flavor)
		missing = append(missing, err)
	}
	networks := []struct {
		ident, what string
		find        func() error
	}{
		{wish.ExternalNetwork, "external network", func() error {
			return d.Catalogue.FindNetwork(ctx, project, wish.ExternalNetwork, true)
		}},
		{wish.FixedNetwork, "fixed network", func() error {
			return d.Catalogue.FindNetwork(ctx, project, wish.FixedNetwork, false)
		}},
		{wish.FixedSubnet, "fixed subnet", func() error { return d.Catalogue.FindSubnet(ctx, project, wish.FixedSubnet) }},
	}
	for _, n := range networks {
		if n.ident == "" {
			continue
		}
		missing = append(missing, found(n.find(), n.what, n.ident))
	}
	return errors.Join(missing...)
}

// FindFlavor finds a flavor, the zero one for "".
func (d Driver) FindFlavor(ctx context.Context, project, ident string) (jeroboam.Flavor, error) {
	if ident == "" {
		return jeroboam.Flavor{}, nil
	}
	f, err := d.Catalogue.FindFlavor(ctx, project, ident)
	return f, found(err, "flavor", ident)
}

func found(err error, what, ident string) error {
	switch {
	case err == nil:
		return nil
	case jeroboam.KindOf(err) == jeroboam.NotFound:
		return unknown(strings.ReplaceAll(what, " ", "-"), fmt.Sprintf("Unable to find %s %s.", what, ident), err)
	}
	return fmt.Errorf("find %s %s: %w", what, ident, err)
}

// findKeypair keeps Magnum's 404 for a key pair that the caller does not have.
func (d Driver) findKeypair(ctx context.Context, caller jeroboam.Caller, name string) error {
	if name == "" {
		return nil
	}
	err := d.Catalogue.FindKeypair(ctx, caller.ProjectID, caller.UserID, name)
	if jeroboam.KindOf(err) != jeroboam.NotFound {
		return err
	}
	missing, _ := jeroboam.AsError(unknown("keypair", fmt.Sprintf("Unable to find keypair %s.", name), err))
	missing.Kind = jeroboam.NotFound
	return missing
}
