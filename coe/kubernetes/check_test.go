package kubernetes_test

import (
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe/kubernetes"
)

func TestCheckNamesWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		template jeroboam.Template
		blames   []string // words of the error; none: the template is good
	}{
		"nothing said":         {jeroboam.Template{}, nil},
		"flannel":              {jeroboam.Template{NetworkDriver: "flannel"}, nil},
		"calico":               {jeroboam.Template{NetworkDriver: "calico"}, []string{"network driver", `"calico"`, `"flannel"`}},
		"cilium":               {jeroboam.Template{NetworkDriver: "cilium"}, []string{`"cilium"`}},
		"cinder":               {jeroboam.Template{VolumeDriver: "cinder"}, []string{"volume driver", `"cinder"`}},
		"no TLS":               {jeroboam.Template{TLSDisabled: true}, []string{"tls_disabled"}},
		"another port":         {jeroboam.Template{APIServerPort: 8080}, []string{"8080", "6443"}},
		"our port":             {jeroboam.Template{APIServerPort: 6443}, nil},
		"no network":           {labels("service_cluster_ip_range", "ten"), []string{"service_cluster_ip_range", `"ten"`, "10.254.0.0/16"}},
		"not IPv4":             {labels("flannel_network_cidr", "fd00::/16"), []string{"flannel_network_cidr"}},
		"too wide":             {labels("service_cluster_ip_range", "10.0.0.0/8"), []string{"/12"}},
		"too narrow":           {labels("flannel_network_cidr", "10.0.0.0/30"), []string{"/26"}},
		"overlap":              {labels("service_cluster_ip_range", "10.100.5.0/24"), []string{"overlaps", "10.100.0.0/16"}},
		"subnets too wide":     {labels("flannel_network_subnetlen", "16"), []string{"flannel_network_subnetlen"}},
		"subnets in words":     {labels("flannel_network_subnetlen", "large"), []string{`"large"`}},
		"vxlan":                {labels("flannel_backend", "vxlan"), []string{"flannel_backend", "host-gw"}},
		"host-gw":              {labels("flannel_backend", "host-gw"), nil},
		"a version":            {labels("kube_tag", "v1.36.3"), nil},
		"a version of Magnum":  {labels("kube_tag", "v1.23.3-rancher1"), nil},
		"latest":               {labels("kube_tag", "latest"), []string{"kube_tag"}},
		"empty means nothing":  {labels("flannel_network_cidr", ""), nil},
		"two things at a time": {jeroboam.Template{VolumeDriver: "cinder", NetworkDriver: "calico"}, []string{"cinder", "calico"}},
	} {
		err := kubernetes.New().Check(c.template)
		if c.blames == nil {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if jeroboam.KindOf(err) != jeroboam.Invalid {
			t.Errorf("%s: %v is not Invalid", name, err)
			continue
		}
		for _, word := range c.blames {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v does not say %s", name, err, word)
			}
		}
	}
}

func labels(key, value string) jeroboam.Template {
	return jeroboam.Template{Labels: map[string]string{key: value}}
}

// FuzzLabels: what Check accepts makes a network plan, and nothing panics.
func FuzzLabels(f *testing.F) {
	f.Add("10.254.0.0/16", "10.100.0.0/16", "24", "v1.36.3", "host-gw")
	f.Add("", "10.0.0.0/26", "", "", "")
	f.Add("0.0.0.0/12", "255.255.255.255/8", "9", "latest", "vxlan")
	f.Add("::ffff:10.0.0.0/104", "fe80::%1/64", "-1", "\x00", "\xff")
	f.Fuzz(func(t *testing.T, services, pods, length, tag, backend string) {
		err := kubernetes.New().Check(jeroboam.Template{Labels: map[string]string{"service_cluster_ip_range": services,
			"flannel_network_cidr": pods, "flannel_network_subnetlen": length, "kube_tag": tag, "flannel_backend": backend}})
		if err != nil && jeroboam.KindOf(err) != jeroboam.Invalid {
			t.Error(err)
		}
	})
}
