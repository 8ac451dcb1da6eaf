package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jeroboam-cloud/jeroboam/release"
)

// arch is the one the bundle is for; pause and the toolbox are tied to it.
const arch = "amd64"

// builder makes one bundle.
type builder struct {
	source  string // the distro folder
	bundle  string // the folder to write
	version string // of Kubernetes
	jobs    int    // parts built at the same time

	print sync.Mutex
}

// run builds every part that is not up to date, several at once, and writes
// the manifest when all are there.
func (b *builder) run(ctx context.Context) error {
	begun := time.Now()
	recipes, err := b.recipes(ctx)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.stamps(), 0o755); err != nil {
		return err
	}
	fmt.Println("bundle", b.bundle)
	parts, err := b.makeAll(ctx, recipes)
	if err != nil {
		return err
	}
	manifest, err := b.writeManifest(append(parts, hostParts()...))
	if err != nil {
		return err
	}
	b.say("%-24s %-12s %8.1f s %9.1f MB  %s", "bundle", b.version, time.Since(begun).Seconds(), megabytes(total(manifest)), release.Digest(manifest)[:12])
	return nil
}

func (b *builder) stamps() string { return filepath.Join(b.bundle, ".stamps") }

// makeAll makes the recipes' parts in their order, jobs at once, and returns
// them described; it stops at the first failure but reports all there are.
func (b *builder) makeAll(ctx context.Context, recipes []recipe) ([]release.Part, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts, problems := make([]release.Part, len(recipes)), make([]error, len(recipes))
	slots := make(chan struct{}, b.jobs)
	var workers sync.WaitGroup
	for i, r := range recipes {
		slots <- struct{}{}
		workers.Go(func() {
			defer func() { <-slots }()
			if problems[i] = ctx.Err(); problems[i] != nil {
				return
			}
			if parts[i], problems[i] = b.makeOne(ctx, r); problems[i] != nil {
				cancel()
			}
		})
	}
	workers.Wait()
	return parts, errors.Join(slices.DeleteFunc(problems, func(err error) bool { return errors.Is(err, context.Canceled) })...)
}

func (b *builder) makeOne(ctx context.Context, r recipe) (release.Part, error) {
	begun := time.Now()
	key, err := r.key(ctx)
	if err != nil {
		return r.part, fmt.Errorf("%s: %w", r.part.Name, err)
	}
	if part, ok := b.upToDate(ctx, r.part, key); ok {
		b.report(part, "up to date", begun)
		return part, nil
	}
	b.say("%-24s %-12s building", r.part.Name, r.part.Version)
	part, err := b.make(ctx, r, key)
	if err != nil {
		return part, fmt.Errorf("%s: %w", r.part.Name, err)
	}
	b.report(part, "built", begun)
	return part, nil
}

// make builds into a scratch folder and moves the result into place, so that a
// stopped build leaves no half file behind.
func (b *builder) make(ctx context.Context, r recipe, key string) (release.Part, error) {
	scratch, err := os.MkdirTemp(b.bundle, ".build-")
	if err != nil {
		return r.part, err
	}
	defer os.RemoveAll(scratch)
	made, err := r.make(ctx, scratch)
	if err != nil {
		return r.part, err
	}
	target := filepath.Join(b.bundle, r.part.Path)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return r.part, err
	}
	if err := os.Rename(made, target); err != nil {
		return r.part, err
	}
	part, err := b.describe(ctx, r.part)
	if err != nil {
		return part, err
	}
	return part, b.stamp(part, key)
}

func (b *builder) describe(ctx context.Context, p release.Part) (release.Part, error) {
	var err error
	p.SHA256, p.Size, err = release.FileDigest(ctx, filepath.Join(b.bundle, p.Path))
	return p, err
}

func (b *builder) writeManifest(parts []release.Part) (release.Manifest, error) {
	slices.SortFunc(parts, func(x, y release.Part) int { return strings.Compare(x.Name, y.Name) })
	m := release.Manifest{Schema: release.Schema, Name: "kubernetes", Version: b.version, OS: "linux", Arch: arch, Parts: parts}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, err
	}
	return m, os.WriteFile(filepath.Join(b.bundle, release.ManifestFile), append(text, '\n'), 0o644)
}

func (b *builder) report(p release.Part, what string, begun time.Time) {
	b.say("%-24s %-12s %8.1f s %9.1f MB  %s", p.Name, p.Version, time.Since(begun).Seconds(), megabytes(p.Size), what)
}

func (b *builder) say(format string, args ...any) {
	b.print.Lock()
	defer b.print.Unlock()
	fmt.Printf("  "+format+"\n", args...)
}

func total(m release.Manifest) int64 {
	var sum int64
	for _, p := range m.Parts {
		sum += p.Size
	}
	return sum
}

func megabytes(size int64) float64 { return float64(size) / 1e6 }
