package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// driverFor chooses the driver that serves a template's server type, image and
// COE. It fills in the image's distro.
func (s *Service) driverFor(ctx context.Context, project string, t *jeroboam.Template) (Driver, error) {
	if t.COE == "" {
		return Driver{}, jeroboam.Errorf(jeroboam.Invalid, "coe", "Requested COE type Unset is not supported.").
			WithRemedy("Use one of: %s.", strings.Join(s.coes(), ", "))
	}
	if !slices.Contains(s.coes(), t.COE) {
		return Driver{}, jeroboam.Errorf(jeroboam.Invalid, "coe",
			"Invalid input for field/attribute coe. Value: '%s'. Value should be one of: %s", t.COE, strings.Join(s.coes(), ", "))
	}
	cloud, image, err := s.findImage(ctx, project, t.Image)
	if err != nil {
		return Driver{}, err
	}
	t.Distro = image.Distro
	want := t.Driver
	if want == "" {
		want = image.Driver
	}
	for _, d := range s.Drivers {
		if d.Cloud == cloud && d.ServerType == t.ServerType && d.Distro == image.Distro && d.COE == t.COE &&
			(want == "" || d.Name == want) {
			return d, nil
		}
	}
	return Driver{}, s.noDriver(*t, want)
}

func (s *Service) noDriver(t jeroboam.Template, want string) error {
	distro := t.Distro
	if distro == "" {
		distro = "None"
	}
	var have []string
	for _, d := range s.Drivers {
		have = append(have, fmt.Sprintf("%s (%s, %s, %s)", d.Name, d.ServerType, d.Distro, d.COE))
	}
	detail := fmt.Sprintf("Cluster type (%s, %s, %s) not supported.", t.ServerType, distro, t.COE)
	if want != "" {
		detail = fmt.Sprintf("Cluster type (%s, %s, %s) not supported by driver %s.", t.ServerType, distro, t.COE, want)
	}
	return jeroboam.Errorf(jeroboam.Invalid, "driver", "%s", detail).
		WithRemedy("Drivers and the server type, image distribution and COE they serve: %s.", strings.Join(have, ", "))
}

func (s *Service) coes() []string {
	var names []string
	for _, d := range s.Drivers {
		if !slices.Contains(names, d.COE) {
			names = append(names, d.COE)
		}
	}
	return names
}

// findImage asks each cloud once, in the order of the table.
func (s *Service) findImage(ctx context.Context, project, ident string) (string, jeroboam.Image, error) {
	var asked []string
	var missing error
	for _, d := range s.Drivers {
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

// checkResources looks up everything a template or cluster names on its cloud,
// and joins what is missing.
func checkResources(ctx context.Context, d Driver, project string, t jeroboam.Template) error {
	var missing []error
	for _, flavor := range slices.Compact([]string{t.Flavor, t.MasterFlavor}) {
		_, err := findFlavor(ctx, d, project, flavor)
		missing = append(missing, err)
	}
	networks := []struct {
		ident, what string
		find        func() error
	}{
		{t.ExternalNetwork, "external network", func() error {
			return d.Catalogue.FindNetwork(ctx, project, t.ExternalNetwork, true)
		}},
		{t.FixedNetwork, "fixed network", func() error {
			return d.Catalogue.FindNetwork(ctx, project, t.FixedNetwork, false)
		}},
		{t.FixedSubnet, "fixed subnet", func() error { return d.Catalogue.FindSubnet(ctx, project, t.FixedSubnet) }},
	}
	for _, n := range networks {
		if n.ident == "" {
			continue
		}
		missing = append(missing, found(n.find(), n.what, n.ident))
	}
	return errors.Join(missing...)
}

func findFlavor(ctx context.Context, d Driver, project, ident string) (jeroboam.Flavor, error) {
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

// labelVersion is the label that names the version of the COE.
const labelVersion = "kube_tag"

// version resolves the version a template or cluster asks for.
func (s *Service) version(coe string, labels map[string]string) (string, error) {
	have := s.Versions(coe)
	if len(have) == 0 {
		return "", jeroboam.Errorf(jeroboam.Invalid, "version", "No version of %s is installed.", coe).
			WithRemedy("The operator installs a bundle: jeroboam bundle --help.")
	}
	want := labels[labelVersion]
	if want == "" {
		return have[0], nil
	}
	for _, v := range have {
		if strings.TrimPrefix(v, "v") == strings.TrimPrefix(want, "v") {
			return v, nil
		}
	}
	return "", jeroboam.Errorf(jeroboam.Invalid, "version", "Version %s of %s (label %s) does not exist here.", want, coe, labelVersion).
		WithRemedy("Use one of: %s.", strings.Join(have, ", "))
}

// checkWishes judges what depends on the COE and nothing else.
func (s *Service) checkWishes(d Driver, t jeroboam.Template) error {
	traits := d.Engine.Traits()
	if err := oneOf("network_driver", "Network driver", "network driver", t.NetworkDriver, traits.NetworkDrivers); err != nil {
		return err
	}
	if err := oneOf("volume_driver", "Volume driver", "volume driver", t.VolumeDriver, traits.VolumeDrivers); err != nil {
		return err
	}
	if t.DockerStorageDriver == "devicemapper" && t.DockerVolumeSize < 3 {
		return jeroboam.Errorf(jeroboam.Invalid, "docker_volume_size", "docker volume size %s GB is not valid, "+
			"expecting minimum value 3GB for devicemapper storage driver.", orNone(t.DockerVolumeSize))
	}
	if err := checkDNS(t.DNSNameserver); err != nil {
		return err
	}
	// First the label whose error can name every value there is.
	if _, err := s.version(t.COE, t.Labels); err != nil {
		return err
	}
	if err := s.checkLabels(t.COE, t.Labels); err != nil {
		return err
	}
	if err := checkCredential(d, t.Labels); err != nil {
		return err
	}
	if err := checkAddress(d, t); err != nil {
		return err
	}
	return d.Engine.Check(t)
}

func oneOf(reason, title, what, value string, supported []string) error {
	if value == "" || slices.Contains(supported, value) {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Invalid, reason, "%s type %s is not supported, expecting a %s %s.",
		title, value, strings.Join(append(slices.Clone(supported), "unspecified"), "/"), what)
}
