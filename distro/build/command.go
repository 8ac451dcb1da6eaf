package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
)

// run runs a command in dir under the fixed environment and returns its
// output; the error holds what it complained about.
func run(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir, command.Env = dir, append(os.Environ(), environment...)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", name, args[0], err, complaint.Bytes())
	}
	return out, nil
}
