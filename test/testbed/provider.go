package testbed

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
)

// Provider plays the part of a provider driver of Octavia in one project: the
// testbed's own makes nothing and tells nothing. It makes the port of each load
// balancer's address and reports through the agent for drivers what it has done.
type Provider struct {
	project string // ID
	octavia *gophercloud.ServiceClient
	neutron *gophercloud.ServiceClient
}

// The testbed's own places.
const (
	statusSocket = "/var/lib/osbed/octavia/status.sock"
	octaviaMySQL = "-h127.0.0.1 -uosbed octavia"
	mysqlSecret  = "MYSQL_PWD=db-pw"
	madeUp       = "198.0.2.5" // address that the testbed's own driver says every load balancer has
)

// Balance has the load balancers of a project made until the test ends.
func (k *Keystone) Balance(project string) *Provider {
	k.Helper()
	p := &Provider{project: k.Project(project), octavia: k.Octavia(k.Operator.Project), neutron: k.Neutron(k.Operator.Project)}
	if !k.Testbed {
		return p // that cloud makes its own
	}
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() { p.run(ctx, func(err error) { k.Error(err) }) })
	k.Cleanup(func() { cancel(); ended.Wait() })
	return p
}

// Break reports that the load balancer failed.
func (p *Provider) Break(id string) error {
	return report("loadbalancers", object{ID: id, Provisioning: "ERROR", Operating: "ERROR"})
}

func (p *Provider) run(ctx context.Context, wrong func(error)) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		if err := p.look(ctx); err != nil && ctx.Err() == nil {
			wrong(fmt.Errorf("provider of load balancers: %w", err))
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// look finishes what Octavia waits for.
func (p *Provider) look(ctx context.Context) error {
	pages, err := loadbalancers.List(p.octavia, loadbalancers.ListOpts{ProjectID: p.project}).AllPages(ctx)
	if err != nil {
		return err
	}
	all, err := loadbalancers.ExtractLoadBalancers(pages)
	if err != nil {
		return err
	}
	for _, b := range all {
		switch b.ProvisioningStatus {
		case "PENDING_CREATE":
			if err = p.place(ctx, b); err == nil {
				err = p.finish(ctx, b)
			}
		case "PENDING_UPDATE":
			err = p.finish(ctx, b)
		case "PENDING_DELETE":
			err = p.remove(ctx, b)
		}
		if err != nil {
			return fmt.Errorf("%s %s: %w", b.ID, b.ProvisioningStatus, err)
		}
	}
	return nil
}

// place makes the port that the load balancer's address is of.
func (p *Provider) place(ctx context.Context, b loadbalancers.LoadBalancer) error {
	have, err := p.portsOf(ctx, b)
	if err != nil || len(have) > 0 {
		return err
	}
	address := ports.IP{SubnetID: b.VipSubnetID}
	if b.VipAddress != madeUp { // it was asked for
		address.IPAddress = b.VipAddress
	}
	network, err := networkOf(ctx, p.neutron, b.VipSubnetID)
	if err != nil {
		return err
	}
	made, err := ports.Create(ctx, p.neutron, ports.CreateOpts{NetworkID: network, Name: portName(b), DeviceOwner: "Octavia", ProjectID: p.project,
		FixedIPs: []ports.IP{address}}).Extract()
	if err != nil {
		return err
	}
	return writeAddress(ctx, b.ID, made.ID, made.FixedIPs[0].IPAddress)
}

func portName(b loadbalancers.LoadBalancer) string { return "octavia-lb-" + b.ID }

func (p *Provider) portsOf(ctx context.Context, b loadbalancers.LoadBalancer) ([]ports.Port, error) {
	pages, err := ports.List(p.neutron, ports.ListOpts{Name: portName(b)}).AllPages(ctx)
	if err != nil {
		return nil, err
	}
	return ports.ExtractPorts(pages)
}

func networkOf(ctx context.Context, neutron *gophercloud.ServiceClient, subnet string) (string, error) {
	var answer struct {
		Subnet struct {
			Network string `json:"network_id"`
		}
	}
	_, err := neutron.Get(ctx, neutron.ServiceURL("subnets", subnet), &answer, nil)
	return answer.Subnet.Network, err
}

var plain = regexp.MustCompile(`^[0-9a-f.-]+$`)

// writeAddress puts the port where Octavia's own process would put what its
// driver made: there is no call for it.
func writeAddress(ctx context.Context, balancer, port, address string) error {
	for _, word := range []string{balancer, port, address} {
		if !plain.MatchString(word) {
			return fmt.Errorf("%q is no ID or address", word)
		}
	}
	query := fmt.Sprintf("UPDATE vip SET port_id='%s', ip_address='%s' WHERE load_balancer_id='%s'", port, address, balancer)
	command := exec.CommandContext(ctx, "mysql", append(strings.Fields(octaviaMySQL), "-e", query)...)
	command.Env = append(os.Environ(), mysqlSecret)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// remove deletes the port and reports that all is gone, from the inside out.
func (p *Provider) remove(ctx context.Context, b loadbalancers.LoadBalancer) error {
	have, err := p.portsOf(ctx, b)
	if err != nil {
		return err
	}
	for _, port := range have {
		if err := ports.Delete(ctx, p.neutron, port.ID).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
			return err
		}
	}
	return p.reportAll(ctx, b, func(string) (string, string) { return "DELETED", "OFFLINE" })
}

// finish reports that all that was waited for is done.
func (p *Provider) finish(ctx context.Context, b loadbalancers.LoadBalancer) error {
	return p.reportAll(ctx, b, func(status string) (string, string) {
		if status == "PENDING_DELETE" {
			return "DELETED", "OFFLINE"
		}
		return "ACTIVE", "ONLINE"
	})
}

// object is a thing in Octavia, as it shows it and as drivers report on it.
type object struct {
	ID           string `json:"id"`
	Provisioning string `json:"provisioning_status"`
	Operating    string `json:"operating_status"`
}

// reportAll reports on a load balancer, first on its parts.
func (p *Provider) reportAll(ctx context.Context, b loadbalancers.LoadBalancer, becomes func(string) (string, string)) error {
	var tree struct {
		Statuses struct {
			LoadBalancer struct {
				object
				Listeners []struct {
					object
					Pools []struct {
						object
						Monitor object `json:"health_monitor"`
						Members []object
					}
				}
			}
		}
	}
	if err := loadbalancers.GetStatuses(ctx, p.octavia, b.ID).ExtractInto(&tree); err != nil {
		return err
	}
	parts := map[string][]object{}
	for _, l := range tree.Statuses.LoadBalancer.Listeners {
		parts["listeners"] = append(parts["listeners"], l.object)
		for _, pool := range l.Pools {
			parts["pools"] = append(parts["pools"], pool.object)
			parts["members"] = append(parts["members"], pool.Members...)
			if pool.Monitor.ID != "" {
				parts["healthmonitors"] = append(parts["healthmonitors"], pool.Monitor)
			}
		}
	}
	parts["loadbalancers"] = []object{{ID: b.ID, Provisioning: b.ProvisioningStatus}}
	for _, kind := range []string{"members", "healthmonitors", "listeners", "pools", "loadbalancers"} {
		for i, o := range parts[kind] {
			parts[kind][i].Provisioning, parts[kind][i].Operating = becomes(o.Provisioning)
		}
		if err := report(kind, parts[kind]...); err != nil {
			return err
		}
	}
	return nil
}

// report tells Octavia's agent for drivers: a length in decimal, a line feed and
// so many bytes of JSON, and the same back. See octavia_lib/api/drivers/driver_lib.py.
func report(kind string, objects ...object) error {
	if len(objects) == 0 {
		return nil
	}
	body, err := json.Marshal(map[string][]object{kind: objects})
	if err != nil {
		return err
	}
	c, err := net.Dial("unix", statusSocket)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c, "%d\n%s", len(body), body); err != nil {
		return err
	}
	reader := bufio.NewReader(c)
	var size int
	if _, err := fmt.Fscanf(reader, "%d\n", &size); err != nil {
		return err
	}
	var answer struct {
		Code  int    `json:"status_code"`
		Fault string `json:"fault_string"`
	}
	if err := json.NewDecoder(io.LimitReader(reader, int64(size))).Decode(&answer); err != nil {
		return err
	}
	if answer.Code != http.StatusOK {
		return fmt.Errorf("%s: status %d: %s", body, answer.Code, answer.Fault)
	}
	return nil
}
