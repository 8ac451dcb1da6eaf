package drivers

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/service/internal/refusal"
)

// Check judges what depends on a driver and nothing else: no cloud is asked.
func (t *Table) Check(d Driver, wish jeroboam.Template) error {
	traits := d.Engine.Traits()
	if err := oneOf("network_driver", "Network driver", "network driver", wish.NetworkDriver, traits.NetworkDrivers); err != nil {
		return err
	}
	if err := oneOf("volume_driver", "Volume driver", "volume driver", wish.VolumeDriver, traits.VolumeDrivers); err != nil {
		return err
	}
	if wish.DockerStorageDriver == "devicemapper" && wish.DockerVolumeSize < 3 {
		return jeroboam.Errorf(jeroboam.Invalid, "docker_volume_size", "docker volume size %s GB is not valid, "+
			"expecting minimum value 3GB for devicemapper storage driver.", refusal.OrNone(wish.DockerVolumeSize))
	}
	if err := checkDNS(wish.DNSNameserver); err != nil {
		return err
	}
	// First the label whose error can name every value there is.
	if _, err := t.Version(wish.COE, wish.Labels); err != nil {
		return err
	}
	if err := jeroboam.CheckLabels(t.labels.Of(wish.COE), wish.Labels); err != nil {
		return err
	}
	if err := t.refuseIdle(t.Idle(wish.COE, wish.Labels)); err != nil {
		return err
	}
	if err := d.checkCredential(wish.Labels); err != nil {
		return err
	}
	if err := d.checkAddress(wish); err != nil {
		return err
	}
	return d.Engine.Check(wish)
}

func oneOf(reason, title, what, value string, supported []string) error {
	if value == "" || slices.Contains(supported, value) {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Invalid, reason, "%s type %s is not supported, expecting a %s %s.",
		title, value, strings.Join(append(slices.Clone(supported), "unspecified"), "/"), what)
}

// CheckGroup judges the labels of a group that its cluster does not have.
func (t *Table) CheckGroup(coe string, own map[string]string) error {
	if err := jeroboam.CheckLabels(t.labels.Of(coe), own); err != nil {
		return err
	}
	return t.refuseIdle(t.IdleOfGroup(coe, own))
}

// Labels lists the labels of a COE by name, those of all COEs for "".
func (t *Table) Labels(coe string) ([]jeroboam.Label, error) { return t.labels.List(coe) }

// Idle tells in sentences which labels of a wish have no effect, by name; of very
// many the first ones and how many more.
func (t *Table) Idle(coe string, labels map[string]string) []string {
	return t.labels.Idle(coe, labels)
}

// IdleOfGroup does so for the labels of a group that its cluster does not have.
func (t *Table) IdleOfGroup(coe string, own map[string]string) []string {
	return t.labels.IdleOfGroup(coe, own)
}

// refuseIdle is what strict means.
func (t *Table) refuseIdle(warnings []string) error {
	if !t.Strict || len(warnings) == 0 {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Invalid, "labels", "%s", strings.Join(warnings, " ")).
		WithRemedy("Leave out what has no effect: this service refuses it. GET /v1/labels lists the labels there are.")
}

// checkCredential refuses what calls the cloud in the cluster's name where the
// cloud gives clusters no credential to do so.
func (d Driver) checkCredential(labels map[string]string) error {
	if d.Credentials {
		return nil
	}
	var names []string
	for _, l := range d.Engine.Traits().Labels {
		if l.Credential && strings.EqualFold(labels[l.Name], "true") {
			names = append(names, l.Name)
		}
	}
	if names == nil {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Invalid, names[0], "What %s asks for calls the cloud, and the cloud of the driver %s gives clusters no credential for it.",
		strings.Join(names, ", "), d.Name).
		WithRemedy("Leave it out or set it to false, or use an image of a driver whose cloud gives credentials.")
}

func checkDNS(servers string) error {
	if servers == "" {
		return nil
	}
	for server := range strings.SplitSeq(servers, ",") {
		if _, err := netip.ParseAddr(strings.TrimSpace(server)); err != nil {
			return jeroboam.Errorf(jeroboam.Invalid, "dns_nameserver",
				"Expected a single dns address or comma separated dns list, but received %s.", servers)
		}
	}
	return nil
}
