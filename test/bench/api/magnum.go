package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// magnumTemplate is of what the testbed has.
const (
	magnumName     = "jeroboam-bench"
	magnumTemplate = `{"name": "` + magnumName + `", "coe": "kubernetes", "image_id": "fedora-coreos", "keypair_id": "testbed",
		"external_network_id": "public", "flavor_id": "m1.small", "master_flavor_id": "m1.small", "network_driver": "flannel"}`
)

// measureMagnum asks a Magnum that holds a hundred clusters what both know.
// What it makes in it, it takes away.
func (o options) measureMagnum(ctx context.Context, k keystone) (_ column, err error) {
	if o.magnum == "" {
		return column{}, errors.New("no address is given")
	}
	t := target{address: o.magnum, token: k.token}
	defer func() { err = errors.Join(err, tidyMagnum(context.WithoutCancel(ctx), t)) }()
	var template struct{ UUID string }
	if err := t.call(ctx, http.MethodPost, "/v1/clustertemplates", magnumTemplate, &template); err != nil {
		return column{}, err
	}
	if err := magnumRows(ctx, "fill", strconv.Itoa(sideBySideOf), template.UUID); err != nil {
		return column{}, err
	}
	var list struct{ Clusters []struct{ UUID, Name string } }
	if err := t.call(ctx, http.MethodGet, "/v1/clusters?sort_key=name&sort_dir=desc&limit=1", "", &list); err != nil {
		return column{}, err
	}
	if len(list.Clusters) == 0 {
		return column{}, errors.New("it does not show the clusters in its database")
	}
	fmt.Printf("\n%d clusters stored, Magnum at %s\n", sideBySideOf, o.magnum)
	all := append(reading(holding{cluster: list.Clusters[0].UUID}),
		request{name: createTemplate, method: http.MethodPost, path: "/v1/clustertemplates", body: magnumTemplate})
	figures, err := measureCases(ctx, os.Stdout, t, all, []int{compared}, o.duration, nil)
	return column{"Magnum", figures}, err
}

// tidyMagnum deletes the clusters' rows and the templates that were made.
func tidyMagnum(ctx context.Context, t target) error {
	err := magnumRows(ctx, "clean")
	var list struct {
		Templates []struct{ UUID, Name string } `json:"clustertemplates"`
	}
	err = errors.Join(err, t.call(ctx, http.MethodGet, "/v1/clustertemplates?limit=1000", "", &list))
	for _, made := range list.Templates {
		if made.Name == magnumName {
			err = errors.Join(err, t.call(ctx, http.MethodDelete, "/v1/clustertemplates/"+made.UUID, "", nil))
		}
	}
	return err
}

// rows is a program that makes clusters in a Magnum's database, and takes them
// away: to make a hundred through its API would take hours.
//
//go:embed magnum_rows.py
var rows string

// magnumRows runs it with the testbed's login to its database.
func magnumRows(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", append([]string{"-"}, args...)...)
	cmd.Stdin = strings.NewReader(rows)
	password := os.Getenv("MAGNUM_DATABASE_PASSWORD")
	if password == "" {
		password = "db-pw"
	}
	cmd.Env = append(os.Environ(), "MAGNUM_DATABASE_PASSWORD="+password)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s the rows of clusters in its database: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}
