package openstack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clusters"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clustertemplates"
	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

// mostOfMagnum is how many clusters at once the testbed's Magnum comes through.
const mostOfMagnum = 10

// TestBenchBesideMagnum makes so many clusters of one control-plane node and one
// worker at once as each number of JEROBOAM_BENCH_CLUSTERS says ("1 10"), and
// deletes them; then the testbed's Magnum does the same. It runs only when told
// the numbers.
func TestBenchBesideMagnum(t *testing.T) {
	counts := os.Getenv("JEROBOAM_BENCH_CLUSTERS")
	if counts == "" {
		t.Skip("measures: set JEROBOAM_BENCH_CLUSTERS, or run make bench-openstack")
	}
	h := open(t)
	if !h.keystone.Testbed {
		t.Skip("needs the testbed's Magnum: OS_CLOUD names another cloud")
	}
	no := false
	template := h.template(wire.TemplateCreate{Name: "t", ExternalNetworkID: h.things.External, FloatingIPEnabled: &no})
	magnum := h.magnum()
	t.Logf("%-10s %8s %-7s %9s %9s %14s %14s", "", "at once", "", "seconds", "calls each", "CPU s each", "cloud CPU s each")
	for _, text := range strings.Fields(counts) {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		h.measure("jeroboam", "create", n, func() {
			for i := range n {
				ids = append(ids, h.create(wire.ClusterCreate{Name: fmt.Sprintf("bench-%d", i), ClusterTemplateID: template}, 1, 1))
			}
			for _, id := range ids {
				h.await(id, jeroboam.CreateComplete)
			}
		})
		h.measure("jeroboam", "delete", n, func() { each(ids, h.delete) })
		if n > mostOfMagnum {
			t.Logf("%-10s %8d not asked: none of so many came to an end within ten minutes", "magnum", n)
			continue
		}
		ids = nil
		h.measure("magnum", "create", n, func() { ids = magnum.create(n) })
		h.measure("magnum", "delete", n, func() { each(ids, magnum.delete) })
	}
}

func each(ids []string, do func(string)) {
	var all errgroup.Group
	for _, id := range ids {
		all.Go(func() error { do(id); return nil })
	}
	all.Wait() // what fails tells the test
}

// measure prints a row of the table. This process is the service, but also plays
// the machines' agents and asks Nova for them: its CPU is more than the
// service's own. Magnum's own are Magnum and Heat.
func (h *house) measure(who, what string, n int, do func()) {
	h.Helper()
	began, calls, own, testbed := time.Now(), h.cloud.Calls(), ownCPU(h), testbedCPU(h)
	do()
	took, asked := time.Since(began), float64(h.cloud.Calls()-calls)/float64(n)
	service, cloud := ownCPU(h)-own, time.Duration(0)
	if who == "magnum" {
		service, asked = 0, 0
	}
	for name, spent := range testbedCPU(h) {
		spent -= testbed[name]
		switch heat := strings.HasPrefix(name, "magnum") || strings.HasPrefix(name, "heat"); {
		case !heat && name != "fakenodes":
			cloud += spent
		case who == "magnum":
			service += spent
		}
	}
	h.Logf("%-10s %8d %-7s %9.1f %9.0f %14.2f %14.2f", who, n, what, took.Seconds(), asked, service.Seconds()/float64(n), cloud.Seconds()/float64(n))
}

func ownCPU(h *house) time.Duration {
	h.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		h.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// testbedCPU is what each of the testbed's services has computed so far. Each is
// a session of processes, led by the one in its file of /run/osbed.
func testbedCPU(h *house) map[string]time.Duration {
	h.Helper()
	const tick = time.Second / 100
	leaders := map[string]string{}
	for _, file := range glob(h, "/run/osbed/*.pid") {
		text, err := os.ReadFile(file)
		if err == nil && len(strings.Fields(string(text))) > 0 {
			leaders[strings.Fields(string(text))[0]] = strings.TrimSuffix(filepath.Base(file), ".pid")
		}
	}
	out := map[string]time.Duration{}
	for _, file := range glob(h, "/proc/[0-9]*/stat") {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		after := string(text)[strings.LastIndex(string(text), ")")+1:]
		fields := strings.Fields(after)
		const session, user, system = 3, 11, 12
		if name := leaders[fields[session]]; name != "" {
			for _, i := range []int{user, system} {
				n, _ := strconv.Atoi(fields[i])
				out[name] += time.Duration(n) * tick
			}
		}
	}
	return out
}

func glob(h *house, pattern string) []string {
	h.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		h.Fatal(err)
	}
	return found
}

// magnum is the testbed's own, as its user alice asks it.
type magnum struct {
	*house
	api      *gophercloud.ServiceClient
	template string
}

// magnum makes a template there for the length of the test.
func (h *house) magnum() magnum {
	h.Helper()
	alice := h.keystone.Members[0]
	api, err := openstack.NewContainerInfraV1(h.keystone.Login(alice.Name, alice.Password, alice.Project), h.keystone.Endpoint)
	if err != nil {
		h.Fatal(err)
	}
	api.Microversion = "latest"
	made, err := clustertemplates.Create(h.Context(), api, clustertemplates.CreateOpts{Name: h.project, COE: "kubernetes", ImageID: "fedora-coreos", KeyPairID: "testbed",
		ExternalNetworkID: "public", MasterFlavorID: "m1.small", FlavorID: "m1.small", DNSNameServer: "127.0.0.1", NetworkDriver: "flannel",
		Labels: map[string]string{"kube_tag": "v1.23.3"}}).Extract()
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() {
		if err := clustertemplates.Delete(context.Background(), api, made.UUID).ExtractErr(); err != nil {
			h.Error(err)
		}
	})
	return magnum{house: h, api: api, template: made.UUID}
}

// create makes so many at once.
func (m magnum) create(n int) []string {
	m.Helper()
	var ids []string
	one := 1
	for i := range n {
		id, err := clusters.Create(m.Context(), m.api, clusters.CreateOpts{Name: fmt.Sprintf("bench-%d", i), ClusterTemplateID: m.template,
			MasterCount: &one, NodeCount: &one, Keypair: "testbed"}).Extract()
		if err != nil {
			m.Fatal(err)
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		m.await(id, "CREATE_COMPLETE")
	}
	return ids
}

func (m magnum) delete(id string) {
	if err := clusters.Delete(m.Context(), m.api, id).ExtractErr(); err != nil {
		m.Error(err)
		return
	}
	m.await(id, "")
}

// await asks every second, which costs Magnum some of its CPU, as its users do.
func (m magnum) await(id, want string) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		c, err := clusters.Get(m.Context(), m.api, id).Extract()
		switch {
		case want == "" && gophercloud.ResponseCodeIs(err, 404), err == nil && c.Status == want:
			return
		case err == nil && slices.Contains([]string{"CREATE_FAILED", "DELETE_FAILED"}, c.Status):
			m.Errorf("%s is %s: %s", c.Name, c.Status, c.StatusReason)
			return
		}
		select {
		case <-ticker.C:
		case <-m.Context().Done():
			return
		}
	}
}
