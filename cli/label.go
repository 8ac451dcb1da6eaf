package cli

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/cli/output"
	"github.com/jeroboam-cloud/jeroboam/client"
)

// labelHelp ends the help of every --label.
const labelHelp = `; "jeroboam label list" shows which there are`

func (a *app) label() *cobra.Command {
	return group("label", "Labels that templates, clusters and node groups may carry", a.labelList(), a.labelShow())
}

func (a *app) labelList() *cobra.Command {
	var coe string
	var all bool
	c := &cobra.Command{Use: "list", Short: "List the labels that have an effect", Args: exactly()}
	c.Flags().StringVar(&coe, "coe", "", "only those of this container orchestration engine")
	c.Flags().BoolVar(&all, "all", false, "also those of Magnum that are accepted and have no effect here")
	c.RunE = a.asking(func(ctx context.Context, s *client.Client, _ []string) error {
		found, err := s.Labels(ctx, coe)
		if err != nil {
			return err
		}
		if !all {
			found = slices.DeleteFunc(found, func(l wire.Label) bool { return l.Effect == "" })
		}
		rows := make([][]string, len(found))
		for i, l := range found {
			rows[i] = []string{l.Name, string(l.Type), clipped(l.Default), owners(l), yesNo(l.Effect != ""), l.Meaning}
		}
		return a.printer().List(map[string]any{"labels": found}, []string{"NAME", "TYPE", "DEFAULT", "COE", "EFFECT", "MEANING"}, rows)
	})
	return c
}

func (a *app) labelShow() *cobra.Command {
	var coe string
	c := &cobra.Command{Use: "show NAME", Short: "Show what a label may be and what it does", Args: exactly("NAME")}
	c.Flags().StringVar(&coe, "coe", "", "the one of this container orchestration engine, if several have it")
	c.RunE = a.asking(func(ctx context.Context, s *client.Client, args []string) error {
		found, err := s.Labels(ctx, coe)
		if err != nil {
			return err
		}
		found = slices.DeleteFunc(found, func(l wire.Label) bool { return l.Name != args[0] })
		if len(found) == 0 {
			return jeroboam.Errorf(jeroboam.NotFound, "label", "There is no label %q.", args[0]).
				WithRemedy("\"jeroboam label list --all\" shows which there are.")
		}
		// Of several the one that does something is meant.
		slices.SortStableFunc(found, func(x, y wire.Label) int { return cmp.Compare(y.Effect, x.Effect) })
		return a.showLabel(found[0])
	})
	return c
}

func (a *app) showLabel(l wire.Label) error {
	effect := l.Effect
	if effect == "" {
		effect = "none: accepted from Magnum's time"
	}
	return a.printer().Object(l, []output.Field{{Name: "Name", Value: l.Name}, {Name: "Meaning", Value: l.Meaning},
		{Name: "Type", Value: string(l.Type)}, {Name: "Allowed", Value: l.Allowed}, {Name: "Default", Value: l.Default},
		{Name: "COE", Value: owners(l)}, {Name: "Effect", Value: effect}, {Name: "Since", Value: l.Since}})
}

func owners(l wire.Label) string {
	if len(l.COEs) == 0 {
		return "all"
	}
	return strings.Join(l.COEs, ", ")
}

// clipped keeps a column narrow.
func clipped(text string) string {
	const most = 24
	if len(text) > most {
		return text[:most-1] + "…"
	}
	return text
}
