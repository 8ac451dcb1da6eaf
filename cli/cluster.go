package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/cli/output"
	"github.com/jeroboam-cloud/jeroboam/client"
)

func (a *app) cluster() *cobra.Command {
	return group("cluster", "Clusters: create, look at, change, delete",
		a.clusterCreate(), a.clusterList(), a.clusterShow(), a.clusterUpdate(), a.clusterResize(), a.clusterUpgrade(), a.clusterRetry(), a.clusterDelete(),
		a.clusterConfig(), a.clusterWatch(), a.clusterOperations(), a.clusterMachines(), a.clusterPlan())
}

func (a *app) clusterCreate() *cobra.Command {
	var in wire.ClusterCreate
	var masters, nodes, minutes, volume int
	var labels []string
	var balancer, floating bool
	wait := waiting{}
	c := &cobra.Command{Use: "create NAME", Short: "Create a cluster from a template", Args: exactly("NAME")}
	f := c.Flags()
	f.StringVar(&in.ClusterTemplateID, "template", "", "template to make it from: name or UUID (required)")
	f.IntVar(&masters, "masters", 1, "control-plane nodes: 1, 3, 5, …")
	f.IntVar(&nodes, "nodes", 1, "worker nodes")
	f.StringVar(&in.Keypair, "keypair", "", "SSH key pair for its machines")
	f.StringVar(&in.FlavorID, "flavor", "", "flavor of the workers; the template's if not given")
	f.StringVar(&in.MasterFlavorID, "master-flavor", "", "flavor of the control plane; the template's if not given")
	f.IntVar(&minutes, "create-timeout", 60, "minutes after which the creation fails; 0: never")
	f.IntVar(&volume, "docker-volume-size", 0, "GB for container images, per machine")
	f.StringArrayVar(&labels, "label", nil, "label KEY=VALUE; may be repeated; replaces the template's labels"+labelHelp)
	f.BoolVar(&in.MergeLabels, "merge-labels", false, "add the labels to the template's instead")
	f.StringVar(&in.FixedNetwork, "fixed-network", "", "existing network for its machines")
	f.StringVar(&in.FixedSubnet, "fixed-subnet", "", "existing subnet for its machines")
	f.BoolVar(&balancer, "master-lb", false, "put a balancer in front of the control plane; the template's wish if not given")
	f.BoolVar(&floating, "floating-ip", false, "give machines floating addresses; the template's wish if not given")
	wait.flags(f)
	c.RunE = func(c *cobra.Command, args []string) error {
		in.Name = args[0]
		if in.ClusterTemplateID == "" {
			return usage("Add --template NAME; \"jeroboam template list\" shows which exist.", "The flag --template is missing.")
		}
		var err error
		if in.Labels, err = keyValues("label", labels); err != nil {
			return err
		}
		in.MasterCount, in.NodeCount, in.CreateTimeout = &masters, &nodes, &minutes
		in.DockerVolumeSize = given(c, "docker-volume-size", &volume)
		in.MasterLBEnabled = given(c, "master-lb", &balancer)
		in.FloatingIPEnabled = given(c, "floating-ip", &floating)
		return a.change(c, wait, func(ctx context.Context, s *client.Client) (string, error) { return s.CreateCluster(ctx, in) })
	}
	return c
}

func (a *app) clusterList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List clusters", Args: exactly(),
		RunE: a.asking(func(ctx context.Context, s *client.Client, _ []string) error {
			all, err := s.Clusters(ctx)
			if err != nil {
				return err
			}
			rows := make([][]string, len(all))
			for i, c := range all {
				rows[i] = []string{c.UUID, c.Name, string(c.Status), text(c.HealthStatus), strconv.Itoa(c.MasterCount), strconv.Itoa(c.NodeCount)}
			}
			return a.printer().List(map[string]any{"clusters": all}, []string{"UUID", "NAME", "STATUS", "HEALTH", "MASTERS", "NODES"}, rows)
		})}
}

func (a *app) clusterShow() *cobra.Command {
	return &cobra.Command{Use: "show CLUSTER", Short: "Show a cluster, by name or UUID", Args: exactly("CLUSTER"),
		RunE: a.asking(func(ctx context.Context, s *client.Client, args []string) error {
			return a.showCluster(ctx, s, args[0])
		})}
}

func (a *app) showCluster(ctx context.Context, s *client.Client, id string) error {
	c, err := s.Cluster(ctx, id)
	if err != nil {
		return err
	}
	return a.printer().Object(c, []output.Field{
		{Name: "UUID", Value: c.UUID}, {Name: "Name", Value: c.Name}, {Name: "Status", Value: string(c.Status)},
		{Name: "Reason", Value: text(c.StatusReason)}, {Name: "Health", Value: text(c.HealthStatus)}, {Name: "Health reason", Value: pairs(c.HealthStatusReason)},
		{Name: "API", Value: text(c.APIAddress)}, {Name: "Version", Value: text(c.COEVersion)},
		{Name: "Masters", Value: count(c.MasterCount, c.MasterAddresses)}, {Name: "Nodes", Value: count(c.NodeCount, c.NodeAddresses)},
		{Name: "Template", Value: c.ClusterTemplateID}, {Name: "Flavor", Value: text(c.FlavorID)}, {Name: "Master flavor", Value: text(c.MasterFlavorID)},
		{Name: "Labels", Value: pairs(c.Labels)}, {Name: "Faults", Value: pairs(c.Faults)}, {Name: "Project", Value: c.ProjectID},
		{Name: "Created", Value: moment(c.CreatedAt)}, {Name: "Updated", Value: moment(c.UpdatedAt)},
	})
}

func count(n int, addresses []string) string {
	return strings.TrimSpace(strconv.Itoa(n) + "  " + strings.Join(addresses, " "))
}

func (a *app) clusterUpdate() *cobra.Command {
	var nodes int
	wait := waiting{}
	c := &cobra.Command{Use: "update CLUSTER", Short: "Change what may be changed in place: the number of workers", Args: exactly("CLUSTER")}
	c.Flags().IntVar(&nodes, "nodes", 0, "worker nodes of the default group (required)")
	wait.flags(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error {
		if !c.Flags().Changed("nodes") {
			return usage("Add --nodes N.", "There is nothing to change.")
		}
		patch := wire.Patch{{Op: "replace", Path: "/node_count", Value: nodes}}
		return a.change(c, wait, func(ctx context.Context, s *client.Client) (string, error) {
			return s.UpdateCluster(ctx, args[0], patch)
		})
	}
	return c
}

func (a *app) clusterResize() *cobra.Command {
	var in wire.Resize
	wait := waiting{}
	c := &cobra.Command{Use: "resize CLUSTER COUNT", Short: "Set how many nodes a group has", Args: exactly("CLUSTER", "COUNT")}
	c.Flags().StringVar(&in.NodeGroup, "nodegroup", "", "group to resize; default-worker if not given")
	c.Flags().StringSliceVar(&in.NodesToRemove, "remove", nil, "nodes to take first: name, UUID, address or index; may be repeated")
	wait.flags(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error {
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 0 {
			return usage("Give a number of nodes, 0 or more.", "%q is not a number of nodes.", args[1])
		}
		in.NodeCount = n
		return a.change(c, wait, func(ctx context.Context, s *client.Client) (string, error) { return s.ResizeCluster(ctx, args[0], in) })
	}
	return c
}

func (a *app) clusterUpgrade() *cobra.Command {
	var in wire.Upgrade
	var batch int
	wait := waiting{}
	c := &cobra.Command{Use: "upgrade CLUSTER", Short: "Bring a cluster to the version of another template, node by node", Args: exactly("CLUSTER")}
	c.Flags().StringVar(&in.ClusterTemplate, "template", "", "template with the wanted version: name or UUID (required)")
	c.Flags().StringVar(&in.NodeGroup, "nodegroup", "", "group to upgrade to where its cluster is; the control plane and default-worker if not given")
	c.Flags().IntVar(&batch, "max-batch-size", 0, "workers that may be down at once; a tenth of them if not given")
	wait.flags(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error {
		if in.ClusterTemplate == "" {
			return usage("Add --template NAME; \"jeroboam template list\" shows which exist.", "The flag --template is missing.")
		}
		in.MaxBatchSize = given(c, "max-batch-size", &batch)
		return a.change(c, wait, func(ctx context.Context, s *client.Client) (string, error) { return s.UpgradeCluster(ctx, args[0], in) })
	}
	return c
}

func (a *app) clusterRetry() *cobra.Command {
	wait := waiting{}
	c := &cobra.Command{Use: "retry CLUSTER", Short: "Take up again what failed, from where it stopped", Args: exactly("CLUSTER")}
	wait.flags(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error {
		return a.change(c, wait, func(ctx context.Context, s *client.Client) (string, error) { return s.RetryCluster(ctx, args[0]) })
	}
	return c
}

func (a *app) clusterDelete() *cobra.Command {
	wait := waiting{}
	var keep, remove bool
	c := &cobra.Command{Use: "delete CLUSTER", Short: "Delete a cluster and everything it is made of", Args: exactly("CLUSTER")}
	c.Flags().BoolVar(&keep, "keep-data", false, "let the volumes, snapshots and shares of its claims stay: the default, unless its label data_on_delete says otherwise")
	c.Flags().BoolVar(&remove, "remove-data", false, "delete them too")
	wait.flags(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error {
		if keep && remove {
			return usage("Choose one of them.", "The flags --keep-data and --remove-data contradict each other.")
		}
		s, err := a.client()
		if err != nil {
			return err
		}
		cluster, err := s.Cluster(c.Context(), args[0])
		if err != nil {
			return err
		}
		asked, err := a.ask(c.Context(), s, wait, func(s *client.Client) error {
			return s.DeleteCluster(c.Context(), cluster.UUID, dataWish(keep, remove))
		})
		if !asked || err != nil {
			return err
		}
		if err := a.await(c.Context(), s, cluster.UUID, wait); err != nil {
			return err
		}
		return a.printer().Text(wire.UUID{UUID: cluster.UUID}, "The cluster %s %s.", cluster.Name, wait.deleted())
	}
	return c
}

func dataWish(keep, remove bool) jeroboam.DataWish {
	switch {
	case keep:
		return jeroboam.KeepData
	case remove:
		return jeroboam.RemoveData
	}
	return ""
}

// change calls the service for something that takes time, waits if that is
// wished, and shows the cluster.
func (a *app) change(c *cobra.Command, wait waiting, call func(context.Context, *client.Client) (string, error)) error {
	s, err := a.client()
	if err != nil {
		return err
	}
	var id string
	asked, err := a.ask(c.Context(), s, wait, func(s *client.Client) (err error) {
		id, err = call(c.Context(), s)
		return err
	})
	if !asked || err != nil {
		return err
	}
	if err := a.await(c.Context(), s, id, wait); err != nil {
		return err
	}
	return a.showCluster(c.Context(), s, id)
}

func (a *app) clusterOperations() *cobra.Command {
	return &cobra.Command{Use: "operations CLUSTER", Short: "List what was done to a cluster, the newest first, with the steps of the newest", Args: exactly("CLUSTER"),
		RunE: a.asking(func(ctx context.Context, s *client.Client, args []string) error {
			all, err := s.Operations(ctx, args[0])
			if err != nil {
				return err
			}
			if len(all) > 0 {
				if all[0], err = s.Operation(ctx, all[0].UUID); err != nil {
					return err
				}
			}
			return a.printOperations(all)
		})}
}

func (a *app) printOperations(all []wire.Operation) error {
	p := a.printer()
	rows := make([][]string, len(all))
	for i, op := range all {
		rows[i] = []string{op.UUID, op.Verb, op.Summary, string(op.State), moment(op.CreatedAt), took(op.StartedAt, op.FinishedAt), op.Cause.Text()}
	}
	err := p.List(map[string]any{"operations": all}, []string{"UUID", "VERB", "WHAT", "STATE", "ASKED", "TOOK", "CAUSE"}, rows)
	if err != nil || !p.ForPeople() || len(all) == 0 {
		return err
	}
	fmt.Fprintln(p.W)
	steps := make([][]string, len(all[0].Steps))
	for i, st := range all[0].Steps {
		steps[i] = []string{st.Name, string(st.State), strconv.Itoa(st.Attempt), took(st.StartedAt, st.FinishedAt), st.Message, st.Cause.Text()}
	}
	return p.List(nil, []string{"STEP", "STATE", "ATTEMPT", "TOOK", "MESSAGE", "CAUSE"}, steps)
}

func (a *app) clusterMachines() *cobra.Command {
	return &cobra.Command{Use: "machines CLUSTER", Short: "List the machines of a cluster and what runs on them", Args: exactly("CLUSTER"),
		RunE: a.asking(func(ctx context.Context, s *client.Client, args []string) error {
			all, err := s.Machines(ctx, args[0])
			if err != nil {
				return err
			}
			rows := make([][]string, len(all))
			for i, m := range all {
				rows[i] = []string{m.Name, m.Role, m.Address, strconv.FormatBool(m.Connected), services(m.Services), moment(m.ReadyAt), m.Cause.Text()}
			}
			return a.printer().List(map[string]any{"machines": all}, []string{"NAME", "ROLE", "ADDRESS", "CONNECTED", "SERVICES", "READY SINCE", "CAUSE"}, rows)
		})}
}

func services(all []jeroboam.ServiceState) string {
	words := make([]string, len(all))
	for i, s := range all {
		words[i] = s.Name + "=" + s.State
	}
	return strings.Join(words, " ")
}

func took(from, to wire.Time) string {
	if from.IsZero() || to.IsZero() {
		return ""
	}
	return to.Sub(from.Time).Round(10 * time.Millisecond).String()
}
