package dependents

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// services are a cloud of which every list is told, and that notes what is
// deleted and with which query it was asked.
type services struct {
	mu    sync.Mutex
	lists map[string]any // by path
	asked []string
	gone  []string
}

func (s *services) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.Method+" "+r.URL.String())
	if r.Method == http.MethodDelete {
		s.gone = append(s.gone, strings.TrimPrefix(r.URL.String(), "/"))
		w.WriteHeader(http.StatusAccepted)
		return
	}
	list, known := s.lists[strings.Trim(r.URL.Path, "/")]
	if !known {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Query().Get("marker") != "" || r.URL.Query().Get("offset") > "0" {
		list = map[string]any{"shares": []any{}, "snapshots": []any{}}
	}
	_ = json.NewEncoder(w).Encode(list)
}

func (s *services) at(t *testing.T) Project {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	one := func(prefix string) *gophercloud.ServiceClient {
		return &gophercloud.ServiceClient{ProviderClient: &gophercloud.ProviderClient{HTTPClient: *server.Client()}, Endpoint: server.URL + "/" + prefix + "/"}
	}
	return Project{ID: "p1", Network: one("network"), Volume: one("volume"), Balancer: one("balancer"), Share: one("share")}
}

type object map[string]any

const (
	mine  = "11111111-1111-4111-8111-111111111111"
	other = "22222222-2222-4222-8222-222222222222"
)

// crowd holds for each kind what is the cluster's, what is another's, and what
// only looks like it.
func crowd() *services {
	balancer := func(id, name string, tags ...string) object { return object{"id": id, "name": name, "tags": tags} }
	claim := func(key, cluster string) object {
		return object{key: cluster, keyClaim: "data", keyClaimNamespace: "default"}
	}
	return &services{lists: map[string]any{
		"balancer/lbaas/loadbalancers": object{"loadbalancers": []object{
			balancer("b1", "kube_service_"+mine+"_default_web", "kube_service_"+mine+"_default_web"),
			balancer("b2", "kube_service_"+other+"_default_web"),
			balancer("b3", "kube_service_"+mine+"_default_shared", "kube_service_"+mine+"_default_shared", "kube_service_"+other+"_default_web"),
			balancer("b4", "kube_service_"+mine+"2_default_web"), balancer("b5", "web")}},
		"network/floatingips": object{"floatingips": []object{
			{"id": "f1", "floating_ip_address": "1.2.3.4", "description": "Floating IP for Kubernetes external service default/web from cluster " + mine},
			{"id": "f2", "floating_ip_address": "1.2.3.5", "description": "Floating IP for Kubernetes external service default/web from cluster " + other},
			{"id": "f3", "floating_ip_address": "1.2.3.6", "description": "of " + mine}}},
		"network/security-groups": object{"security_groups": []object{
			{"id": "g1", "name": "lb-sg-uid-default-web", "description": "Security Group for default/web Service LoadBalancer in cluster " + mine},
			{"id": "g2", "name": "lb-sg-uid-default-web", "description": "Security Group for default/web Service LoadBalancer in cluster " + other},
			{"id": "g3", "name": "mine", "description": "Security Group for default/web Service LoadBalancer in cluster " + mine}}},
		"network/ports": object{"ports": []object{
			{"id": "p1", "name": ""}, {"id": "p2", "name": "stray"}, {"id": "p3", "name": "stray"}, {"id": "p4", "description": "mark"},
			{"id": "p5", "device_owner": "network:dhcp", "device_id": "dhcp"}, {"id": "p6", "device_owner": "compute:nova", "device_id": "bastion"},
			{"id": "p7", "device_owner": "Octavia", "device_id": "lb-b5"}, {"id": "p8", "device_owner": "Octavia", "device_id": "lb-b9"}}},
		"volume/volumes/detail": object{"volumes": []object{
			{"id": "v1", "name": "pvc-1", "size": 5, "metadata": claim(keyVolume, mine)}, {"id": "v2", "name": "pvc-1", "size": 5, "metadata": claim(keyVolume, other)}, {"id": "v3"}}},
		"volume/snapshots": object{"snapshots": []object{
			{"id": "s1", "name": "by hand", "size": 5, "volume_id": "v1", "metadata": object{}}, {"id": "s2", "name": "orphan", "size": 4, "volume_id": "v9", "metadata": object{keyVolume: mine}},
			{"id": "s3", "volume_id": "v2", "metadata": object{keyVolume: other}}}},
		"share/shares/detail": object{"shares": []object{
			{"id": "h1", "name": "pvc-2", "size": 7, "metadata": object{keyShare: mine}}, {"id": "h2", "name": "pvc-2", "metadata": object{keyShare: other}}}},
		"share/snapshots/detail": object{"snapshots": []object{
			{"id": "hs1", "name": "copy", "share_id": "h1", "share_size": 7}, {"id": "hs2", "share_id": "h2"}}},
	}}
}

func TestOnlyWhatTheClusterMadeIsFound(t *testing.T) {
	cloudOf := crowd()
	got, err := List(t.Context(), &Asks{}, cloudOf.at(t), mine, "mark", []string{"n1"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range got {
		names = append(names, fmt.Sprintf("%s %q %s %d %s", d.Kind, d.Name, d.CloudID, d.SizeGB, d.Of))
	}
	want := []string{
		`load-balancer "kube_service_` + mine + `_default_web" b1 0 default/web`,
		`floating-address "1.2.3.4" f1 0 default/web`,
		`security-group "lb-sg-uid-default-web" g1 0 default/web`,
		`port "p1" p1 0 `, `port "stray p2" p2 0 `, `port "stray p3" p3 0 `,
		`volume "pvc-1" v1 5 default/data`, `snapshot "by hand" s1 5 default/data`, `snapshot "orphan" s2 4 `,
		`share "pvc-2" h1 7 `, `share-snapshot "copy" hs1 7 `,
	}
	if !slices.Equal(names, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhoElseUsesANetworkIsNamed(t *testing.T) {
	got, leaving, err := Others(t.Context(), crowd().at(t), "mark", []string{"n1"})
	if want := []string{"port p6 of compute:nova bastion", "port p7 of Octavia lb-b5"}; err != nil || !slices.Equal(got, want) || !leaving {
		t.Errorf("got %q, %v, %v", got, leaving, err)
	}
	if got, leaving, err := Others(t.Context(), crowd().at(t), "mark", nil); err != nil || got != nil || leaving {
		t.Errorf("of no network of its own: %q, %v", got, err)
	}
}

// TestAnAdministratorAsksAboutOneProject: what he sees is not all a project's.
func TestAnAdministratorAsksAboutOneProject(t *testing.T) {
	c := crowd()
	p := c.at(t)
	p.Abroad = true
	if _, err := List(t.Context(), &Asks{}, p, mine, "mark", nil); err != nil {
		t.Fatal(err)
	}
	for _, asked := range c.asked {
		narrow := strings.Contains(asked, "project_id=p1")
		if wide := strings.Contains(asked, "/volume/") || strings.Contains(asked, "/share/"); wide {
			narrow = narrow && strings.Contains(asked, "all_tenants=true")
		}
		if !narrow && !strings.Contains(asked, "marker=") && !strings.Contains(asked, "offset=") {
			t.Errorf("asked was %s", asked)
		}
	}
}

func TestACloudWithoutAServiceHoldsNothingOfIt(t *testing.T) {
	p := crowd().at(t)
	p.Volume, p.Balancer, p.Share = nil, nil, nil
	got, err := List(t.Context(), &Asks{}, p, mine, "mark", nil)
	if err != nil || len(got) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, kind := range []string{jeroboam.KindLoadBalancer, jeroboam.KindVolume, jeroboam.KindSnapshot, jeroboam.KindShare, jeroboam.KindShareSnapshot} {
		if err := Delete(t.Context(), p, cloud.Object{Kind: kind, CloudID: "x"}); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestWhatTakesItsTimeIsDeletingUntilItIsGone(t *testing.T) {
	for name, test := range map[string]struct {
		kind, path, status string
		reason             string // of the error; "": gone
		gone               string // what is deleted
	}{
		"a load balancer goes with all its parts": {jeroboam.KindLoadBalancer, "balancer/lbaas/loadbalancers/x", `{"loadbalancer":{"provisioning_status":"ACTIVE"}}`, "deleting", "balancer/lbaas/loadbalancers/x?cascade=true"},
		"a load balancer on its way":              {jeroboam.KindLoadBalancer, "balancer/lbaas/loadbalancers/x", `{"loadbalancer":{"provisioning_status":"PENDING_DELETE"}}`, "deleting", ""},
		"a load balancer that Octavia remembers":  {jeroboam.KindLoadBalancer, "balancer/lbaas/loadbalancers/x", `{"loadbalancer":{"provisioning_status":"DELETED"}}`, "", ""},
		"a volume":                                {jeroboam.KindVolume, "volume/volumes/x", `{"volume":{"status":"available"}}`, "deleting", "volume/volumes/x"},
		"a volume on its way":                     {jeroboam.KindVolume, "volume/volumes/x", `{"volume":{"status":"deleting"}}`, "deleting", ""},
		"a volume that is attached":               {jeroboam.KindVolume, "volume/volumes/x", `{"volume":{"status":"in-use"}}`, "volume-in-use", ""},
		"a volume that is gone":                   {jeroboam.KindVolume, "", "", "", ""},
		"a snapshot":                              {jeroboam.KindSnapshot, "volume/snapshots/x", `{"snapshot":{"status":"available"}}`, "deleting", "volume/snapshots/x"},
		"a share":                                 {jeroboam.KindShare, "share/shares/x", `{"share":{"status":"available"}}`, "deleting", "share/shares/x"},
		"a snapshot of a share":                   {jeroboam.KindShareSnapshot, "share/snapshots/x", `{"snapshot":{"status":"available"}}`, "deleting", "share/snapshots/x"},
	} {
		s := &services{lists: map[string]any{test.path: json.RawMessage(test.status)}}
		err := Delete(t.Context(), s.at(t), cloud.Object{Kind: test.kind, Name: "it", CloudID: "x"})
		reason := ""
		if e, ours := jeroboam.AsError(err); ours {
			reason = e.Reason
		} else if err != nil {
			reason = err.Error()
		}
		if reason != test.reason || strings.Join(s.gone, " ") != test.gone {
			t.Errorf("%s: %q, deleted is %q", name, reason, s.gone)
		}
	}
}
