package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/service/drivers"
)

var writePages = flag.Bool("update", false, "write the generated pages of docs anew")

const labelsPage = "../../docs/labels.md"

// everyLabel is the registry with all rows of the table of drivers on.
func everyLabel(t *testing.T) []jeroboam.Label {
	t.Helper()
	var all []drivers.Driver
	for _, row := range driverTable {
		d := drivers.Driver{Driver: row, Engine: engines[row.COE]()}
		if row.Cloud == "openstack" {
			d.Labels = openstack.Labels()
		}
		all = append(all, d)
	}
	labels, err := service.New(service.Options{Drivers: all}).Labels("")
	if err != nil {
		t.Fatal(err)
	}
	return labels
}

// TestEveryLabelIsWhole: each label has a type that its default passes, says
// what it means in one sentence, and belongs to no COE twice.
func TestEveryLabelIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range everyLabel(t) {
		if err := l.Check(l.Default); err != nil {
			t.Errorf("the default: %v", err)
		}
		if strings.Contains(l.Allowed(), "unknown") || l.Since == "" || !strings.HasSuffix(l.Meaning, ".") || strings.Contains(l.Meaning, ". ") {
			t.Errorf("not whole: %+v", l)
		}
		for _, coe := range append(l.COEs, "all")[:max(len(l.COEs), 1)] {
			if key := l.Name + " of " + coe; seen[key] {
				t.Errorf("twice: %s", key)
			} else {
				seen[key] = true
			}
		}
	}
}

// TestThePageOfLabelsIsTrue compares docs/labels.md with the registry.
func TestThePageOfLabelsIsTrue(t *testing.T) {
	page := pageOfLabels(everyLabel(t))
	if *writePages {
		if err := os.WriteFile(labelsPage, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(labelsPage)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, page) {
		t.Errorf("docs/labels.md is not what the labels are: go test ./cmd/jeroboam -run Labels -update")
	}
}

const labelsIntro = `# Labels

Templates, clusters and node groups carry labels. This page is made from the registry that the service itself uses
(` + "`go test ./cmd/jeroboam -run Labels -update`" + `); a service tells its own with ` + "`GET /v1/labels[?coe=…]`" + `,
` + "`jeroboam label list`" + ` and ` + "`jeroboam label show NAME`" + `.

- A label whose value its type does not allow is refused when a template, a cluster or a node group is made: 400, naming the label, the value
  and what is allowed. An empty value means "not given". Booleans are true or false, in any case.
- A label without effect (unknown, or known from Magnum and not obeyed here) is kept and reported: by a header of the
  answer for each, ` + "`Warning: 299 jeroboam \"The label …\"`" + ` (RFC 7234, section 5.5), and by ` + "`warning`" + ` events of the cluster. The first
  ten are named. ` + "`jeroboam serve --labels strict`" + ` refuses them with 400 instead.
- A label that asks for what calls the cloud (a cloud controller manager, a storage driver) is refused where the cloud gives
  clusters no credential to do so: [add-ons](add-ons.md). The tag of an image may carry a digest: ` + "`v1.36.0@sha256:…`" + `.
- Labels are read of the cluster. A node group starts with its cluster's; another value there has no effect and is reported.
`

func pageOfLabels(all []jeroboam.Label) []byte {
	var b bytes.Buffer
	b.WriteString(labelsIntro)
	b.WriteString("\n## With an effect\n\n| label | value | default | meaning | effect | COE | since |\n|---|---|---|---|---|---|---|\n")
	for _, l := range all {
		if l.Effect != "" {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s |\n", l.Name, l.Allowed(), code(l.Default), l.Meaning, l.Effect, coes(l), l.Since)
		}
	}
	b.WriteString("\n## Accepted from Magnum's time, without effect here\n\nThe defaults are those of Magnum or of its drivers.\n\n" +
		"| label | value | default | meaning | COE | since |\n|---|---|---|---|---|---|\n")
	for _, l := range all {
		if l.Effect == "" {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", l.Name, l.Allowed(), code(l.Default), l.Meaning, coes(l), l.Since)
		}
	}
	return b.Bytes()
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

func coes(l jeroboam.Label) string {
	if len(l.COEs) == 0 {
		return "all"
	}
	return strings.Join(l.COEs, ", ")
}
