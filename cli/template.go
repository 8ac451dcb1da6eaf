package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/cli/output"
	"github.com/jeroboam-cloud/jeroboam/client"
)

func (a *app) template() *cobra.Command {
	return group("template", "Cluster templates: what clusters are made from",
		a.templateCreate(), a.templateList(), a.templateShow(), a.templateUpdate(), a.templateDelete())
}

func (a *app) templateCreate() *cobra.Command {
	var in wire.TemplateCreate
	var labels []string
	c := &cobra.Command{Use: "create NAME", Short: "Create a template", Args: exactly("NAME")}
	f := c.Flags()
	f.StringVar(&in.COE, "coe", "", "container orchestration engine (required)")
	f.StringVar(&in.ImageID, "image", "", "image its machines boot: name or ID (required)")
	f.StringVar(&in.FlavorID, "flavor", "", "flavor of workers")
	f.StringVar(&in.MasterFlavorID, "master-flavor", "", "flavor of the control plane")
	f.StringVar(&in.KeypairID, "keypair", "", "SSH key pair")
	f.StringVar(&in.ExternalNetworkID, "external-network", "", "external network")
	f.StringVar(&in.FixedNetwork, "fixed-network", "", "existing network for machines")
	f.StringVar(&in.FixedSubnet, "fixed-subnet", "", "existing subnet for machines")
	f.StringVar(&in.DNSNameserver, "dns-nameserver", "", "name servers, comma-separated")
	f.StringVar(&in.NetworkDriver, "network-driver", "", "network driver; the engine's default if not given")
	f.IntVar(&in.DockerVolumeSize, "docker-volume-size", 0, "GB for container images, per machine")
	f.StringVar(&in.ServerType, "server-type", "", "vm, or bm for bare metal; vm if not given")
	f.StringVar(&in.Driver, "driver", "", "driver to use, when several fit")
	f.StringVar(&in.Tags, "tags", "", "tags, comma-separated")
	f.StringArrayVar(&labels, "label", nil, "label KEY=VALUE; may be repeated"+labelHelp)
	f.BoolVar(&in.Public, "public", false, "let every project use it")
	f.BoolVar(&in.Hidden, "hidden", false, "leave it out of lists")
	f.BoolVar(&in.MasterLBEnabled, "master-lb", false, "put a balancer in front of the control plane")
	c.RunE = func(c *cobra.Command, args []string) error {
		in.Name = args[0]
		if in.COE == "" || in.ImageID == "" {
			return usage("Add --coe and --image.", "A template needs an engine and an image.")
		}
		var err error
		if in.Labels, err = keyValues("label", labels); err != nil {
			return err
		}
		s, err := a.client()
		if err != nil {
			return err
		}
		t, err := s.CreateTemplate(c.Context(), in)
		if err != nil {
			return err
		}
		return a.showTemplate(t)
	}
	return c
}

func (a *app) templateList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List templates", Args: exactly(),
		RunE: a.asking(func(ctx context.Context, s *client.Client, _ []string) error {
			all, err := s.Templates(ctx)
			if err != nil {
				return err
			}
			rows := make([][]string, len(all))
			for i, t := range all {
				rows[i] = []string{t.UUID, t.Name, t.COE, t.ImageID, text(t.FlavorID), yesNo(t.Public)}
			}
			return a.printer().List(map[string]any{"clustertemplates": all}, []string{"UUID", "NAME", "COE", "IMAGE", "FLAVOR", "PUBLIC"}, rows)
		})}
}

func (a *app) templateShow() *cobra.Command {
	return &cobra.Command{Use: "show TEMPLATE", Short: "Show a template, by name or UUID", Args: exactly("TEMPLATE"),
		RunE: a.asking(func(ctx context.Context, s *client.Client, args []string) error {
			t, err := s.Template(ctx, args[0])
			if err != nil {
				return err
			}
			return a.showTemplate(t)
		})}
}

func (a *app) showTemplate(t wire.Template) error {
	return a.printer().Object(t, []output.Field{
		{Name: "UUID", Value: t.UUID}, {Name: "Name", Value: t.Name}, {Name: "COE", Value: t.COE}, {Name: "Image", Value: t.ImageID},
		{Name: "Flavor", Value: text(t.FlavorID)}, {Name: "Master flavor", Value: text(t.MasterFlavorID)}, {Name: "Network driver", Value: text(t.NetworkDriver)},
		{Name: "Driver", Value: text(t.Driver)}, {Name: "Labels", Value: pairs(t.Labels)}, {Name: "Tags", Value: text(t.Tags)}, {Name: "Public", Value: yesNo(t.Public)},
		{Name: "Hidden", Value: yesNo(t.Hidden)}, {Name: "Balancer", Value: yesNo(t.MasterLBEnabled)}, {Name: "Project", Value: t.ProjectID},
		{Name: "Created", Value: moment(t.CreatedAt)}, {Name: "Updated", Value: moment(t.UpdatedAt)},
	})
}

func (a *app) templateUpdate() *cobra.Command {
	var name, flavor, masterFlavor, image, tags string
	var public, hidden bool
	var labels []string
	c := &cobra.Command{Use: "update TEMPLATE", Short: "Change a template; clusters made from it stay as they are", Args: exactly("TEMPLATE")}
	f := c.Flags()
	f.StringVar(&name, "name", "", "new name")
	f.StringVar(&image, "image", "", "image its machines boot")
	f.StringVar(&flavor, "flavor", "", "flavor of workers")
	f.StringVar(&masterFlavor, "master-flavor", "", "flavor of the control plane")
	f.StringVar(&tags, "tags", "", "tags, comma-separated")
	f.BoolVar(&public, "public", false, "let every project use it")
	f.BoolVar(&hidden, "hidden", false, "leave it out of lists")
	f.StringArrayVar(&labels, "label", nil, "label KEY=VALUE to set; may be repeated"+labelHelp)
	c.RunE = func(c *cobra.Command, args []string) error {
		set, err := keyValues("label", labels)
		if err != nil {
			return err
		}
		s, err := a.client()
		if err != nil {
			return err
		}
		old, err := s.Template(c.Context(), args[0])
		if err != nil {
			return err
		}
		patch := templatePatch(c, old, map[string]any{"name": name, "image_id": image, "flavor_id": flavor,
			"master_flavor_id": masterFlavor, "tags": tags, "public": public, "hidden": hidden}, set)
		if len(patch) == 0 {
			return usage("See "+c.CommandPath()+" --help.", "There is nothing to change.")
		}
		t, err := s.UpdateTemplate(c.Context(), old.UUID, patch)
		if err != nil {
			return err
		}
		return a.showTemplate(t)
	}
	return c
}

// templatePatch changes the attributes whose flags were set. Magnum adds to a
// null and replaces anything else.
func templatePatch(c *cobra.Command, old wire.Template, values map[string]any, labels map[string]string) wire.Patch {
	null := map[string]bool{"flavor_id": old.FlavorID == nil, "master_flavor_id": old.MasterFlavorID == nil, "tags": old.Tags == nil}
	flags := map[string]string{"name": "name", "image_id": "image", "flavor_id": "flavor", "master_flavor_id": "master-flavor",
		"tags": "tags", "public": "public", "hidden": "hidden"}
	var patch wire.Patch
	for attribute, flag := range flags {
		if !c.Flags().Changed(flag) {
			continue
		}
		op := "replace"
		if null[attribute] {
			op = "add"
		}
		patch = append(patch, wire.Change{Op: op, Path: "/" + attribute, Value: values[attribute]})
	}
	for key, value := range labels {
		patch = append(patch, wire.Change{Op: "add", Path: "/labels/" + key, Value: value})
	}
	return patch
}

func (a *app) templateDelete() *cobra.Command {
	return &cobra.Command{Use: "delete TEMPLATE", Short: "Delete a template that no cluster uses", Args: exactly("TEMPLATE"),
		RunE: a.asking(func(ctx context.Context, s *client.Client, args []string) error {
			if err := s.DeleteTemplate(ctx, args[0]); err != nil {
				return err
			}
			return a.printer().Text(map[string]string{"deleted": args[0]}, "The template %s is deleted.", args[0])
		})}
}

// plural is "1 node", "2 nodes".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
