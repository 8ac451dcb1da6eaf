package addons

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/jeroboam-cloud/jeroboam"
)

var update = flag.Bool("update", false, "write the golden manifests anew")

// whole is a cluster with every add-on on.
func whole() Cluster {
	c := Cluster{Version: "v1.36.3", Gateway: "unix:///run/jeroboam/gateway.sock", Credential: map[string]jeroboam.Secret{
		"auth-url": "https://keystone.example/v3", "region": "RegionOne",
		"application-credential-id": "1ad9", "application-credential-secret": `to"p\secret`,
	}}
	c.ID, c.Project, c.Name = "5ad5bc4e-2ad9-4bb1-8d05-4ae2a1e1a001", "4fa1", "demo"
	c.Spec.ExternalNetwork, c.Spec.FixedSubnet = "6ad5bc4e-2ad9-4bb1-8d05-4ae2a1e1a002", "by-name"
	c.Spec.Labels = map[string]string{}
	for _, a := range all {
		c.Spec.Labels[a.label.Name] = "true"
	}
	return c
}

func render(t *testing.T, c Cluster) Rendered {
	t.Helper()
	r, err := Render(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What is applied to clusters, one file for each add-on. What changes here
// changes on every cluster that has the label.
func TestGoldenManifests(t *testing.T) {
	for _, a := range all {
		c := whole()
		c.Spec.Labels = map[string]string{a.label.Name: "true"}
		r := render(t, c)
		got := readable(t, r.Secrets) + r.Manifests
		file := filepath.Join("testdata", a.file+".yaml")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("the manifests differ from %s; if they should, run with -update and read the difference", file)
		}
	}
}

// readable are Secrets as a person reads them.
func readable(t *testing.T, secrets jeroboam.Secret) string {
	t.Helper()
	if secrets == "" {
		return ""
	}
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Data     map[string][]byte
		}
	}
	if err := json.Unmarshal([]byte(secrets.Reveal()), &list); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, s := range list.Items {
		for _, key := range slices.Sorted(maps.Keys(s.Data)) {
			fmt.Fprintf(&b, "# Secret %s, %s:\n#   %s\n", s.Metadata.Name, key, strings.ReplaceAll(strings.TrimSpace(string(s.Data[key])), "\n", "\n#   "))
		}
	}
	return b.String()
}

func TestNothingIsOnUnlessALabelSaysSo(t *testing.T) {
	c := whole()
	for _, a := range all {
		c.Spec.Labels[a.label.Name] = "False"
	}
	if got := render(t, c); got != (Rendered{}) {
		t.Errorf("all off: %v", got)
	}
	c.Spec.Labels = nil
	if got := render(t, c); got != (Rendered{}) {
		t.Errorf("no labels: %v", got)
	}
}

func TestWithoutACredentialOnlyWhatNeedsNoneIsLeft(t *testing.T) {
	c := whole()
	c.Credential = nil
	got := render(t, c)
	if got.Secrets != "" || !strings.Contains(got.Manifests, "metrics-server") || strings.Contains(got.Manifests, "provider-os") {
		t.Errorf("secrets %q and the images %v", got.Secrets, imagesIn(got.Manifests))
	}
	if Keystone(c) {
		t.Error("API servers ask a webhook that does not run")
	}
}

func TestTheManifestsTellNoSecretButChangeWithIt(t *testing.T) {
	before := whole()
	after := whole()
	after.Credential["application-credential-secret"] = "another"
	a, b := render(t, before), render(t, after)
	if strings.Contains(a.Manifests, `to\"p`) || strings.Contains(b.Manifests, "another") {
		t.Error("the secret is in the manifests")
	}
	if a.Manifests == b.Manifests || a.Secrets == b.Secrets {
		t.Error("pods are not made anew when the credential is another")
	}
	if !strings.Contains(before.cloudConfig().Reveal(), `application-credential-secret = "to\"p\\secret"`) {
		t.Errorf("the file is not what gcfg reads:\n%s", before.cloudConfig().Reveal())
	}
}

// Each program has its own way to be told of an authority; what they all get is
// the file, and it is no part of the manifests.
func TestTheCloudsOwnAuthorityReachesWhoCallsTheCloud(t *testing.T) {
	const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
	for label, want := range map[string][]string{
		labelCloudProvider.Name: {"# Secret cloud-config, ca.crt:\n#   -----BEGIN", `ca-file = "/etc/config/ca.crt"`, "- --cloud-config=/etc/config/cloud.conf"},
		labelCinder.Name:        {"# Secret cloud-config, ca.crt:", `ca-file = "/etc/config/ca.crt"`},
		labelManila.Name:        {"# Secret cloud-authority, ca.crt:", "os-certAuthorityPath:\n#   /etc/cloud/ca.crt", "secret: {secretName: cloud-authority}", "mountPath: /etc/cloud, "},
		labelKeystone.Name:      {"# Secret cloud-authority, ca.crt:", "- --keystone-ca-file=/etc/cloud/ca.crt", "secret: {secretName: cloud-authority}", "mountPath: /etc/cloud, "},
	} {
		c := whole()
		c.Spec.Labels = map[string]string{label: "true"}
		without := render(t, c)
		c.Credential["ca"] = pem
		with := render(t, c)
		text := readable(t, with.Secrets) + with.Manifests
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%s: no %q in\n%s", label, part, text)
			}
		}
		if strings.Contains(with.Manifests, "BEGIN CERTIFICATE") || strings.Contains(text, "\nca = ") || with.Manifests == without.Manifests {
			t.Errorf("%s: the certificates are told where they should not be, or pods are not made anew", label)
		}
		for document := range strings.SplitSeq(with.Manifests, "\n---\n") {
			var any map[string]any
			if err := yaml.Unmarshal([]byte(document), &any); err != nil {
				t.Errorf("%s: %v in\n%s", label, err, document)
			}
		}
	}
}

var reference = regexp.MustCompile(`image: "([^"]*)"`)

func imagesIn(manifests string) []string {
	var found []string
	for _, m := range reference.FindAllStringSubmatch(manifests, -1) {
		found = append(found, m[1])
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func TestEveryImageIsUsedAndComesFromTheMirror(t *testing.T) {
	c := whole()
	c.Spec.Labels["container_infra_prefix"] = "registry.example.com/mirror/"
	c.Spec.Labels["csi_attacher_tag"] = "v9@sha256:" + strings.Repeat("a", 64)
	var want []string
	for _, i := range images {
		want = append(want, "registry.example.com/mirror/"+path.Base(i.repository)+":"+c.tag(i))
	}
	slices.Sort(want)
	got := imagesIn(render(t, c).Manifests)
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if !slices.Contains(got, "registry.example.com/mirror/csi-attacher:v9@sha256:"+strings.Repeat("a", 64)) {
		t.Errorf("no image is pinned: %v", got)
	}
}

func TestImagesOfTheCloudFollowKubernetes(t *testing.T) {
	for version, want := range map[string]string{"v1.35.4": "v1.35.0", "v1.36.3": "v1.36.0", "v1": newest} {
		c := whole()
		c.Version = version
		if got := render(t, c).Manifests; !strings.Contains(got, `/openstack-cloud-controller-manager:`+want+`"`) {
			t.Errorf("%s: not %s but %v", version, want, imagesIn(got))
		}
	}
}

func TestALabelIsNeverMoreThanOneValue(t *testing.T) {
	c := whole()
	c.Spec.Labels["csi_cinder_fstype"] = "xfs\"\n---\nkind: Pod"
	c.Spec.Labels["container_infra_prefix"] = "a\"\n---\nkind: Pod\n"
	c.Spec.Labels["octavia_provider"] = "amphora\"\n[Global]\nx = \"y"
	r := render(t, c)
	if strings.Contains(r.Manifests, "\nkind: Pod") || strings.Contains(c.cloudConfig().Reveal(), "\nx = ") {
		t.Errorf("a label made more than a value:\n%s", r.Manifests)
	}
}

func TestWhichGroupsAreScaled(t *testing.T) {
	seven := 7
	worker := jeroboam.NodeGroup{Name: jeroboam.DefaultWorker, Role: jeroboam.RoleWorker}
	gpus := jeroboam.NodeGroup{Name: "gpus", Role: "gpu", Spec: jeroboam.NodeGroupSpec{Max: &seven}}
	bounded, deleted := worker, gpus
	bounded.Spec.Min, bounded.Spec.Max, deleted.Spec.Deleted = 3, &seven, true
	for name, is := range map[string]struct {
		group       jeroboam.NodeGroup
		label       string
		least, most int
	}{
		"default workers without a maximum":          {worker, "", 0, 0},
		"default workers up to the label":            {worker, "5", 1, 5},
		"default workers with bounds of their own":   {bounded, "", 3, 7},
		"the smaller maximum of two":                 {bounded, "5", 3, 5},
		"the group's maximum if that is smaller":     {bounded, "9", 3, 7},
		"a group of another role may be emptied":     {gpus, "", 0, 7},
		"the label is about the default workers":     {gpus, "5", 0, 7},
		"a group that is to go":                      {deleted, "", 0, 0},
		"the control plane, whatever its bounds are": {jeroboam.NodeGroup{Role: jeroboam.RoleMaster, Spec: bounded.Spec}, "5", 0, 0},
	} {
		labels := map[string]string{"auto_scaling_enabled": "True", "max_node_count": is.label}
		least, most, ok := Bounds(labels, is.group)
		if ok != (is.most > 0) || ok && (least != is.least || most != is.most) {
			t.Errorf("%s: from %d to %d, %v", name, least, most, ok)
		}
	}
	if _, _, ok := Bounds(map[string]string{"max_node_count": "5"}, worker); ok {
		t.Error("a cluster without an autoscaler is resized by one")
	}
}

func TestTheAutoscalerIsToldHowToCallTheService(t *testing.T) {
	for gateway, address := range map[string]string{
		"unix:///run/jeroboam/gateway.sock": "unix:///run/jeroboam/gateway.sock",
		"https://jeroboam.example:9512":     "jeroboam.example:9512",
	} {
		if got, want := CloudConfig(gateway), "address: \""+address+"\"\n"; !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", gateway, got)
		}
		c := whole()
		c.Gateway = gateway
		if got := strings.Contains(render(t, c).Manifests, `mountPath: "/run/jeroboam"`) || strings.Contains(render(t, c).Manifests, "mountPath: /run/jeroboam"); got != strings.HasPrefix(gateway, "unix") {
			t.Errorf("%s: the pod sees a socket: %v", gateway, got)
		}
	}
}

// TestThePageNamesEveryImageAndLabel: who fills a mirror reads docs/add-ons.md.
func TestThePageNamesEveryImageAndLabel(t *testing.T) {
	page, err := os.ReadFile("../../../docs/add-ons.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range images {
		if !strings.Contains(string(page), "`"+i.repository+":"+whole().tag(i)+"`") {
			t.Errorf("docs/add-ons.md lacks %s:%s", i.repository, whole().tag(i))
		}
	}
	for _, l := range Labels() {
		if !strings.Contains(string(page), "`"+l.Name+"`") {
			t.Errorf("docs/add-ons.md lacks the label %s", l.Name)
		}
	}
}
