package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// clones is a program that makes clusters in a Magnum's database, and takes
// them away: through its API a hundred would take hours.
//
//go:embed magnum_clones.py
var clones string

// magnumClones runs it with the testbed's login to its database.
func magnumClones(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", append([]string{"-"}, args...)...)
	cmd.Stdin = strings.NewReader(clones)
	cmd.Env = append(os.Environ(), "MAGNUM_DATABASE_PASSWORD="+or(os.Getenv("MAGNUM_DATABASE_PASSWORD"), "db-pw"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s clones of a cluster in its database: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}

func or(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}
