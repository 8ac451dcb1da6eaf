package kubernetes

import (
	"errors"

	"github.com/jeroboam-cloud/jeroboam"
)

// networkFlannel is the one network driver. There is no flannel daemon: pods
// are reached by routes on the machines' own network, as flannel's host-gw
// back end does it, and the labels of flannel set its ranges.
const networkFlannel = "flannel"

// Check tells everything that is wrong with a template's wishes, joined.
func (*COE) Check(t jeroboam.Template) error {
	_, err := readSettings(t.Labels)
	return errors.Join(checkNetwork(t), checkVolume(t), checkAPI(t), err)
}

func checkNetwork(t jeroboam.Template) error {
	if t.NetworkDriver == "" || t.NetworkDriver == networkFlannel {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Invalid, "network_driver", "The network driver %q is not available.", t.NetworkDriver).
		WithRemedy("Use %q, or leave network_driver out.", networkFlannel)
}

func checkVolume(t jeroboam.Template) error {
	if t.VolumeDriver == "" {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Invalid, "volume_driver", "The volume driver %q is not available.", t.VolumeDriver).
		WithRemedy("Leave volume_driver out; the label cinder_csi_enabled runs the storage driver for Cinder volumes.")
}

func checkAPI(t jeroboam.Template) error {
	switch {
	case t.TLSDisabled:
		return jeroboam.Errorf(jeroboam.Invalid, "tls_disabled", "A cluster without TLS is not available.").
			WithRemedy("Leave tls_disabled out.")
	case t.APIServerPort != 0 && t.APIServerPort != APIPort:
		return jeroboam.Errorf(jeroboam.Invalid, "apiserver_port", "The API port %d is not available.", t.APIServerPort).
			WithRemedy("Use %d, or leave apiserver_port out.", APIPort)
	}
	return nil
}

// invalidLabel blames one label.
func invalidLabel(label, what string) *jeroboam.Error {
	return jeroboam.Errorf(jeroboam.Invalid, label, "The label %s is wrong: %s.", label, what)
}
