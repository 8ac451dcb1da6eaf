package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/jeroboam-cloud/jeroboam/distro/pack"
	"github.com/jeroboam-cloud/jeroboam/release"
)

// goProgram is a static program made by `go build`.
type goProgram struct {
	dir     string // where Go runs: the module that decides the versions
	modfile string // in place of dir's go.mod; within dir
	pkg     string
	tags    string // comma-separated
	ldflags string // besides those that strip
}

// environment is the part of a Go build's surroundings that could change its
// result, fixed.
var environment = []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch, "GOAMD64=v1", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT="}

func (p goProgram) args(target string) []string {
	return []string{
		"build", "-trimpath", "-buildvcs=false", "-modfile=" + p.modfile, "-tags", p.tags,
		"-ldflags", strings.TrimSpace("-s -w -buildid= " + p.ldflags), "-o", target, p.pkg,
	}
}

func (p goProgram) how() string { return fmt.Sprint(p.args(""), environment) }

// recipe makes part a binary.
func (p goProgram) recipe(part release.Part) recipe {
	part.Kind = release.Binary
	return recipe{part: part, how: p.how(), sources: []string{p.dir}, make: func(ctx context.Context, scratch string) (string, error) {
		target := filepath.Join(scratch, "program")
		return target, p.build(ctx, target)
	}}
}

// image makes part an image with the program as its entrypoint.
func (p goProgram) image(part release.Part, packed pack.Image) recipe {
	sources := []string{p.dir, filepath.Join(filepath.Dir(p.dir), "pack")}
	return recipe{part: part, how: p.how() + fmt.Sprint(packed), sources: sources, make: func(ctx context.Context, scratch string) (string, error) {
		binary := filepath.Join(scratch, "program")
		if err := p.build(ctx, binary); err != nil {
			return "", err
		}
		packed, err := program(packed, part, binary)
		if err != nil {
			return "", err
		}
		target := filepath.Join(scratch, "image.tar")
		return target, pack.Write(target, packed)
	}}
}

func (p goProgram) build(ctx context.Context, target string) error {
	target, err := filepath.Abs(target)
	if err != nil {
		return err
	}
	_, err = run(ctx, p.dir, "go", p.args(target)...)
	return err
}

// toolchain is the version of Go that builds in dir: "go1.26.8".
func toolchain(ctx context.Context, dir string) (string, error) {
	out, err := run(ctx, dir, "go", "env", "GOVERSION")
	return strings.TrimSpace(string(out)), err
}

// kubernetesFlags are the linker flags without which every component of the
// version calls itself v0.0.0-master.
func kubernetesFlags(version string, published time.Time) (string, error) {
	major, minor, err := majorMinor(version)
	var flags []string
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		for _, set := range []string{
			"gitVersion=" + version, "gitMajor=" + major, "gitMinor=" + minor,
			"gitCommit=", "gitTreeState=clean", "buildDate=" + published.UTC().Format(time.RFC3339),
		} {
			flags = append(flags, "-X "+pkg+"."+set)
		}
	}
	return strings.Join(flags, " "), err
}

// published is when the version of k8s.io/kubernetes that modfile asks for came
// out; an error when it asks for another.
func (b *builder) published(ctx context.Context, modfile string) (time.Time, error) {
	var module struct {
		Version string
		Time    time.Time
	}
	out, err := run(ctx, filepath.Join(b.source, "kubernetes"), "go", "list", "-modfile="+modfile, "-m", "-json", "k8s.io/kubernetes")
	if err != nil {
		return module.Time, err
	}
	if err := json.Unmarshal(out, &module); err != nil {
		return module.Time, err
	}
	if module.Version != b.version {
		return module.Time, fmt.Errorf("%s asks for Kubernetes %s, not %s", modfile, module.Version, b.version)
	}
	return module.Time, nil
}

// majorMinor splits "v1.36.3" into "1" and "36".
func majorMinor(version string) (major, minor string, err error) {
	fields := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if len(fields) != 3 || fields[0] == "" || fields[1] == "" {
		return "", "", fmt.Errorf("%q is not a version like %s", version, defaultKubernetes)
	}
	return fields[0], fields[1], nil
}
