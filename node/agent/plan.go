package agent

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/agent/internal/supervise"
	"github.com/jeroboam-cloud/jeroboam/release"
)

// programsOf lists the commands of a config in the order in which they are
// likely to be needed.
func programsOf(config node.Config) []string {
	var words []string
	for _, s := range config.Services {
		words = append(words, s.Command[0])
	}
	if len(config.Images.Import) > 0 {
		words = append(words, config.Images.Import[0])
	}
	for _, t := range config.Tasks {
		words = append(words, t.Command[0])
	}
	return words
}

// plan turns the config into what the supervisor is to run. Versions are made
// of everything a process reads when it starts.
func (a *applier) plan(config node.Config, b *bundle) (supervise.Plan, error) {
	var plan supervise.Plan
	for _, s := range config.Services {
		version, err := serviceVersion(s, b.find(s.Command[0], a.BinDir).version)
		if err != nil {
			return plan, err
		}
		at := b.find(s.Command[0], a.BinDir)
		plan.Services = append(plan.Services, supervise.Service{
			Service: s, Executable: at.path, Version: version, Prepare: at.prepare,
		})
	}
	for _, t := range config.Tasks {
		at := b.find(t.Command[0], a.BinDir)
		plan.Tasks = append(plan.Tasks, supervise.Task{
			Name: t.Name, Commands: []supervise.TaskCommand{{Executable: at.path, Args: t.Command}},
			Stdin: t.Stdin, After: t.After, Gate: t.Gate, Prepare: at.prepare,
			Version: digestOf([]any{t, a.boot}), // what it set in the kernel goes with the boot
		})
	}
	if len(config.Images.Names) == 0 {
		return plan, nil
	}
	images, err := a.imagesTask(config.Images, b)
	plan.Tasks = append(plan.Tasks, images)
	return plan, err
}

// serviceVersion covers the command, its surroundings, the program itself and
// the files it says it depends on. Order and probes are no part of it.
func serviceVersion(s node.Service, program string) (string, error) {
	watched := map[string]string{}
	for _, path := range s.Watch {
		digest, err := contentDigest(path)
		if err != nil {
			return "", err
		}
		watched[path] = digest
	}
	return digestOf(map[string]any{
		"command": s.Command, "env": s.Env, "program": program, "watched": watched,
	}), nil
}

// imagesTask imports the archives one after the other, once per boot: the
// container runtime may have thrown some away.
func (a *applier) imagesTask(images node.Images, b *bundle) (supervise.Task, error) {
	at := b.find(images.Import[0], a.BinDir)
	task := supervise.Task{Name: imagesTask, After: images.After}
	var parts []release.Part
	for _, name := range images.Names {
		part, ok := b.manifest.Find(name)
		if !ok || part.Kind != release.Image {
			return task, jeroboam.Errorf(jeroboam.Invalid, "bundle-image", "The bundle has no image %q.", name)
		}
		parts = append(parts, part)
		archive := filepath.Join(b.dir, filepath.FromSlash(part.Path))
		args := make([]string, len(images.Import))
		for i, word := range images.Import {
			args[i] = strings.ReplaceAll(word, "{}", archive)
		}
		task.Commands = append(task.Commands, supervise.TaskCommand{Executable: at.path, Args: args})
	}
	task.Version = digestOf(map[string]any{"import": images.Import, "parts": parts, "boot": a.boot})
	task.Prepare = func(ctx context.Context) error {
		for _, part := range parts {
			if err := b.wait(ctx, part.Name); err != nil {
				return err
			}
		}
		return at.prepare(ctx)
	}
	return task, nil
}
