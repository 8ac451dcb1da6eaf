package api_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

// FuzzLabels gives any label any value: it is refused, or kept as it was sent;
// never a panic, never a 500, and every warning can be read.
func FuzzLabels(f *testing.F) {
	for _, name := range []string{"test_int", "test_bool", "test_cidr", "test_list", "min_node_count", "boot_volume_size", "kube_tag", "größe\r\n\x00\"", ""} {
		for _, value := range []string{"", "1", "true", "10.0.0.0/8", "\xff\n", strings.Repeat("9", 400)} {
			f.Add(name, value)
		}
	}
	p := newPlayer(f)
	f.Fuzz(func(t *testing.T, name, value string) {
		body, err := json.Marshal(map[string]any{"coe": apikit.COE, "image_id": apikit.Image, "labels": map[string]string{name: value}})
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), "POST", p.Server.URL+"/v1/clustertemplates", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Auth-Token", p.tokens["owner"])
		response, err := p.Server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		for _, line := range response.Header.Values(wire.WarningHeader) {
			if text, ok := wire.ParseWarning(line); !ok || !strings.HasPrefix(text, "The label ") {
				t.Errorf("warning %s", line)
			}
		}
		var kept wire.Template
		if err := json.NewDecoder(response.Body).Decode(&kept); err != nil {
			t.Fatal(err)
		}
		var sent wire.TemplateCreate // not name and value: what is no UTF-8 was replaced
		if err := json.Unmarshal(body, &sent); err != nil {
			t.Fatal(err)
		}
		switch {
		case response.StatusCode == 201 && maps.Equal(kept.Labels, sent.Labels):
		case response.StatusCode == 400 && len(kept.Labels) == 0:
		default:
			t.Errorf("%d for %q = %q: %v", response.StatusCode, name, value, kept.Labels)
		}
	})
}

// TestStrictRefusesWhatHasNoEffect: the same requests that are warned of.
func TestStrictRefusesWhatHasNoEffect(t *testing.T) {
	warn := &player{House: apikit.New(t)}
	strict := &player{House: apikit.New(t, func(o *service.Options, _ *api.Options) { o.StrictLabels = true })}
	for _, p := range []*player{warn, strict} {
		p.tokens = map[string]string{"owner": p.Token("olga", "p1", "member", "reader")}
		p.must(t, "POST /v1/clustertemplates "+strings.Replace(templateBody, "{", `{"name":"k8s","labels":{"test_int":"3"},`, 1), "201")
		p.must(t, "POST /v1/clustertemplates "+strings.Replace(templateBody, "{", `{"name":"free",`, 1), "201")
		p.must(t, `POST /v1/clusters {"cluster_template_id":"k8s","name":"c1"}`, "202")
		if err := p.Converge(t.Context(), p.clusters(t)[0].ID); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ request, body, warn, says string }{
		{"POST /v1/clustertemplates", strings.Replace(templateBody, "{", `{"labels":{"boot_volume_size":"1"},`, 1), "201", "The label boot_volume_size is known from Magnum"},
		{"PATCH /v1/clustertemplates/free", `[{"op":"add","path":"/labels/mine","value":"x"}]`, "200", `"mine\" is unknown to kubernetes clusters`},
		{"POST /v1/clusters", `{"cluster_template_id":"k8s","labels":{"kube_tga":"v1.36.3"}}`, "202", `"kube_tga\" is unknown`},
		{"POST /v1/clusters/c1/nodegroups", `{"name":"other","labels":{"test_int":"4"}}`, "202", "The label test_int has no effect on a node group"},
		{"POST /v1/clusters/c1/nodegroups", `{"name":"same","labels":{"test_int":"3"}}`, "202", ""},
	} {
		words := append([]string{"owner"}, append(strings.Fields(c.request), "latest")...)
		if got := warn.request(t, words, c.body); !strings.HasPrefix(got, c.warn) || !strings.Contains(got, c.says) {
			t.Errorf("%s %s when warning: %s", c.request, c.body, got)
		}
		want := "400"
		if c.says == "" {
			want = c.warn
		}
		if got := strict.request(t, words, c.body); !strings.HasPrefix(got, want) || !strings.Contains(got, c.says) {
			t.Errorf("%s %s when strict: %s", c.request, c.body, got)
		}
	}
}
