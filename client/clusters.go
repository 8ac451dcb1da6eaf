package client

import (
	"context"
	"net/url"
	"strconv"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

func at(parts ...string) string {
	path := ""
	for i, p := range parts {
		if i > 0 {
			path += "/"
		}
		path += url.PathEscape(p)
	}
	return path
}

// Templates lists the templates the caller may use.
func (c *Client) Templates(ctx context.Context) ([]wire.Template, error) {
	return all(ctx, c, "clustertemplates", func(p *wire.Templates) ([]wire.Template, string) { return p.Items, p.Next })
}

// all reads a list page by page.
func all[Page, Item any](ctx context.Context, c *Client, path string, parts func(*Page) ([]Item, string)) ([]Item, error) {
	found := []Item{}
	for path != "" {
		page := new(Page)
		if err := c.call(ctx, "GET", path, nil, page); err != nil {
			return nil, err
		}
		items, next := parts(page)
		if found = append(found, items...); len(items) == 0 {
			break
		}
		path = relative(next)
	}
	return found, nil
}

// Template shows a template, by name or UUID.
func (c *Client) Template(ctx context.Context, template string) (wire.Template, error) {
	var out wire.Template
	err := c.call(ctx, "GET", at("clustertemplates", template), nil, &out)
	return out, err
}

// CreateTemplate makes a template.
func (c *Client) CreateTemplate(ctx context.Context, in wire.TemplateCreate) (wire.Template, error) {
	var out wire.Template
	err := c.call(ctx, "POST", "clustertemplates", in, &out)
	return out, err
}

// UpdateTemplate changes a template.
func (c *Client) UpdateTemplate(ctx context.Context, template string, patch wire.Patch) (wire.Template, error) {
	var out wire.Template
	err := c.call(ctx, "PATCH", at("clustertemplates", template), patch, &out)
	return out, err
}

// DeleteTemplate forgets a template.
func (c *Client) DeleteTemplate(ctx context.Context, template string) error {
	return c.call(ctx, "DELETE", at("clustertemplates", template), nil, nil)
}

// Clusters lists the clusters the caller sees, in full.
func (c *Client) Clusters(ctx context.Context) ([]wire.Cluster, error) {
	return all(ctx, c, "clusters/detail", func(p *wire.Clusters) ([]wire.Cluster, string) { return p.Items, p.Next })
}

// Cluster shows a cluster, by name or UUID.
func (c *Client) Cluster(ctx context.Context, cluster string) (wire.Cluster, error) {
	var out wire.Cluster
	err := c.call(ctx, "GET", at("clusters", cluster), nil, &out)
	return out, err
}

// CreateCluster asks for a cluster and returns its UUID.
func (c *Client) CreateCluster(ctx context.Context, in wire.ClusterCreate) (string, error) {
	return c.change(ctx, "POST", "clusters", in)
}

// change asks for something that the service answers with a UUID.
func (c *Client) change(ctx context.Context, method, path string, in any) (string, error) {
	var out wire.UUID
	err := c.call(ctx, method, path, in, &out)
	return out.UUID, err
}

// UpdateCluster changes the size of a cluster's default worker group, or the
// health that a watcher reports.
func (c *Client) UpdateCluster(ctx context.Context, cluster string, patch wire.Patch) (string, error) {
	return c.change(ctx, "PATCH", at("clusters", cluster), patch)
}

// ResizeCluster changes the size of one node group.
func (c *Client) ResizeCluster(ctx context.Context, cluster string, in wire.Resize) (string, error) {
	return c.change(ctx, "POST", at("clusters", cluster, "actions", "resize"), in)
}

// UpgradeCluster moves a cluster to another template's version.
func (c *Client) UpgradeCluster(ctx context.Context, cluster string, in wire.Upgrade) (string, error) {
	return c.change(ctx, "POST", at("clusters", cluster, "actions", "upgrade"), in)
}

// RetryCluster takes up again what failed.
func (c *Client) RetryCluster(ctx context.Context, cluster string) (string, error) {
	return c.change(ctx, "POST", at("clusters", cluster, "actions", "retry"), nil)
}

// DeleteCluster asks for the end of a cluster. A wish of "" for its data leaves
// that to the cluster's label.
func (c *Client) DeleteCluster(ctx context.Context, cluster string, data jeroboam.DataWish) error {
	path := at("clusters", cluster)
	if data != "" {
		path += "?" + url.Values{wire.DataArg: {string(data)}}.Encode()
	}
	return c.call(ctx, "DELETE", path, nil, nil)
}

// ClusterPlan tells what is still to be done for a cluster.
func (c *Client) ClusterPlan(ctx context.Context, cluster string) (wire.Plan, error) {
	var out wire.Plan
	err := c.call(ctx, "GET", at("clusters", cluster, "plan"), nil, &out)
	return out, err
}

// Rehearse tells what the change that call asks for would do; nothing is
// changed. What call itself is answered is of no use.
func (c *Client) Rehearse(ctx context.Context, call func(*Client) error) (wire.Plan, error) {
	service, err := c.connect(ctx)
	if err != nil {
		return wire.Plan{}, err
	}
	var out wire.Plan
	err = call(&Client{Warned: c.Warned, options: c.options, http: c.http, service: service, plan: &out})
	return out, err
}

// NodeGroups lists the groups of a cluster.
func (c *Client) NodeGroups(ctx context.Context, cluster string) ([]wire.NodeGroupBrief, error) {
	return all(ctx, c, at("clusters", cluster, "nodegroups"),
		func(p *wire.NodeGroups) ([]wire.NodeGroupBrief, string) { return p.Items, p.Next })
}

// NodeGroup shows a group, by name or UUID.
func (c *Client) NodeGroup(ctx context.Context, cluster, group string) (wire.NodeGroup, error) {
	var out wire.NodeGroup
	err := c.call(ctx, "GET", at("clusters", cluster, "nodegroups", group), nil, &out)
	return out, err
}

// CreateNodeGroup adds a group to a cluster.
func (c *Client) CreateNodeGroup(ctx context.Context, cluster string, in wire.NodeGroupCreate) (wire.NodeGroup, error) {
	var out wire.NodeGroup
	err := c.call(ctx, "POST", at("clusters", cluster, "nodegroups"), in, &out)
	return out, err
}

// UpdateNodeGroup changes the bounds, labels or taints of a group.
func (c *Client) UpdateNodeGroup(ctx context.Context, cluster, group string, patch wire.Patch) (wire.NodeGroup, error) {
	var out wire.NodeGroup
	err := c.call(ctx, "PATCH", at("clusters", cluster, "nodegroups", group), patch, &out)
	return out, err
}

// DeleteNodeGroup asks for the end of a group.
func (c *Client) DeleteNodeGroup(ctx context.Context, cluster, group string) error {
	return c.call(ctx, "DELETE", at("clusters", cluster, "nodegroups", group), nil, nil)
}

// CA shows a certificate authority of a cluster; kind is "", "etcd" or
// "front_proxy".
func (c *Client) CA(ctx context.Context, cluster, kind string) (wire.Certificate, error) {
	path := at("certificates", cluster)
	if kind != "" {
		path += "?ca_cert_type=" + url.QueryEscape(kind)
	}
	var out wire.Certificate
	err := c.call(ctx, "GET", path, nil, &out)
	return out, err
}

// Sign has a CSR signed by a cluster's authority.
func (c *Client) Sign(ctx context.Context, in wire.CertificateSign) (wire.Certificate, error) {
	var out wire.Certificate
	err := c.call(ctx, "POST", "certificates", in, &out)
	return out, err
}

// RotateCA asks for a new certificate authority of a kind, or for all of them
// when kind is "".
func (c *Client) RotateCA(ctx context.Context, cluster, kind string) (string, error) {
	path := at("certificates", cluster)
	if kind != "" {
		path += "?ca_cert_type=" + url.QueryEscape(kind)
	}
	return c.change(ctx, "PATCH", path, nil)
}

// RotateCredential asks for a new credential of the cloud for what runs on the
// cluster's nodes.
func (c *Client) RotateCredential(ctx context.Context, cluster string) (string, error) {
	return c.change(ctx, "PATCH", at("credentials", cluster), nil)
}

// Operations lists what was done to a cluster, the newest first.
func (c *Client) Operations(ctx context.Context, cluster string) ([]wire.Operation, error) {
	var out wire.Operations
	err := c.call(ctx, "GET", at("clusters", cluster, "operations"), nil, &out)
	return out.Items, err
}

// Operation shows one operation with its journal.
func (c *Client) Operation(ctx context.Context, operation string) (wire.Operation, error) {
	var out wire.Operation
	err := c.call(ctx, "GET", at("operations", operation), nil, &out)
	return out, err
}

// Machines lists the machines of a cluster.
func (c *Client) Machines(ctx context.Context, cluster string) ([]wire.Machine, error) {
	var out wire.Machines
	err := c.call(ctx, "GET", at("clusters", cluster, "machines"), nil, &out)
	return out.Items, err
}

// Quotas lists the quotas of all projects.
func (c *Client) Quotas(ctx context.Context) ([]wire.Quota, error) {
	return all(ctx, c, "quotas?all_tenants=True", func(p *wire.Quotas) ([]wire.Quota, string) { return p.Items, p.Next })
}

// Quota shows the limit of a project on a resource, and its use.
func (c *Client) Quota(ctx context.Context, project, resource string) (wire.Quota, error) {
	var out wire.Quota
	err := c.call(ctx, "GET", quotaPath(project, resource), nil, &out)
	return out, err
}

func quotaPath(project, resource string) string { return at("quotas", project, resource) }

// CreateQuota gives a project a limit of its own.
func (c *Client) CreateQuota(ctx context.Context, in wire.QuotaWrite) (wire.Quota, error) {
	var out wire.Quota
	err := c.call(ctx, "POST", "quotas", in, &out)
	return out, err
}

// UpdateQuota changes the limit of the project on the resource that in names.
func (c *Client) UpdateQuota(ctx context.Context, in wire.QuotaWrite) (wire.Quota, error) {
	var out wire.Quota
	err := c.call(ctx, "PATCH", quotaPath(in.ProjectID, in.Resource), in, &out)
	return out, err
}

// DeleteQuota gives a project the default limit again.
func (c *Client) DeleteQuota(ctx context.Context, project, resource string) error {
	return c.call(ctx, "DELETE", quotaPath(project, resource), nil, nil)
}

// Stats counts clusters and nodes of a project; "" is the caller's own, or for
// an administrator all.
func (c *Client) Stats(ctx context.Context, project string) (wire.Stats, error) {
	path := "stats"
	if project != "" {
		path += "?project_id=" + url.QueryEscape(project)
	}
	var out wire.Stats
	err := c.call(ctx, "GET", path, nil, &out)
	return out, err
}

// Labels lists the labels of a COE, those of all for "".
func (c *Client) Labels(ctx context.Context, coe string) ([]wire.Label, error) {
	path := "labels"
	if coe != "" {
		path += "?coe=" + url.QueryEscape(coe)
	}
	var out wire.Labels
	err := c.call(ctx, "GET", path, nil, &out)
	return out.Items, err
}

// Services lists the processes of the service.
func (c *Client) Services(ctx context.Context) ([]wire.Service, error) {
	var out wire.Services
	err := c.call(ctx, "GET", "mservices", nil, &out)
	return out.Items, err
}

// EventPage lists at most limit events of a cluster after the one of that
// number, the oldest first.
func (c *Client) EventPage(ctx context.Context, cluster string, after int64, limit int) ([]wire.Event, error) {
	var out wire.Events
	path := at("clusters", cluster, "events") + "?marker=" + strconv.FormatInt(after, 10) + "&limit=" + strconv.Itoa(limit)
	err := c.call(ctx, "GET", path, nil, &out)
	return out.Items, err
}
