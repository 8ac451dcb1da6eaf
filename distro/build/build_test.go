package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam/release"
)

func TestVersionsAreThoseOfTheModules(t *testing.T) {
	cases := map[string]struct{ file, requires string }{
		"kubernetes":       {"kubernetes/go.mod", "k8s.io/kubernetes " + defaultKubernetes},
		"older kubernetes": {"kubernetes/go.v1.35.4.mod", "k8s.io/kubernetes v1.35.4"},
		"containerd":       {"containerd/go.mod", "github.com/containerd/containerd/v2 " + containerdVersion},
		"cni":              {"cni/go.mod", "github.com/containernetworking/plugins " + cniVersion},
		"coredns":          {"coredns/go.mod", "github.com/coredns/coredns " + corednsVersion},
	}
	for name, c := range cases {
		text, err := os.ReadFile(filepath.Join("..", c.file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), c.requires) {
			t.Errorf("%s: %s does not require %s", name, c.file, c.requires)
		}
	}
}

func TestEveryReleaseOfTheCatalogueCanBeBuilt(t *testing.T) {
	for _, r := range release.Versions("kubernetes") {
		file := "go." + r.Version + ".mod"
		if r.Version == defaultKubernetes {
			file = "go.mod"
		}
		if _, err := os.Stat(filepath.Join("..", "kubernetes", file)); err != nil {
			t.Errorf("%s: %v", r.Version, err)
		}
	}
}

// newBuilder is a builder of an empty bundle.
func newBuilder(t *testing.T) *builder {
	t.Helper()
	b := &builder{source: "..", bundle: filepath.Join(t.TempDir(), "bundle"), version: defaultKubernetes, jobs: 2}
	if err := os.MkdirAll(b.stamps(), 0o755); err != nil {
		t.Fatal(err)
	}
	return b
}

// counted is a recipe of one small file, and how often it was made.
func counted(t *testing.T, content *string) (recipe, *int) {
	t.Helper()
	sources, made := t.TempDir(), 0
	return recipe{
		part: release.Part{Name: "part", Kind: release.Binary, Path: "bin/part"}, sources: []string{sources},
		make: func(_ context.Context, scratch string) (string, error) {
			made++
			path := filepath.Join(scratch, "out")
			return path, os.WriteFile(path, []byte(*content), 0o644)
		},
	}, &made
}

func TestAPartIsMadeAgainOnlyWhenSomethingChanged(t *testing.T) {
	b, content := newBuilder(t), "first"
	r, made := counted(t, &content)
	steps := []struct {
		name   string
		change func() error
		made   int
	}{
		{"the first time", func() error { return nil }, 1},
		{"nothing changed", func() error { return nil }, 1},
		{"a source appeared", func() error { return os.WriteFile(filepath.Join(r.sources[0], "x.go"), nil, 0o644) }, 2},
		{"a test appeared", func() error { return os.WriteFile(filepath.Join(r.sources[0], "x_test.go"), nil, 0o644) }, 2},
		{"other flags", func() error { r.how = "-tags x"; return nil }, 3},
		{"the file was spoilt", func() error { return os.WriteFile(filepath.Join(b.bundle, "bin/part"), []byte("no"), 0o644) }, 4},
		{"the file is gone", func() error { return os.Remove(filepath.Join(b.bundle, "bin/part")) }, 5},
	}
	for _, step := range steps {
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		if _, err := b.makeAll(t.Context(), []recipe{r}); err != nil {
			t.Fatal(err)
		}
		if *made != step.made {
			t.Errorf("%s: made %d times, want %d", step.name, *made, step.made)
		}
	}
}

func TestTheManifestVerifies(t *testing.T) {
	b, content := newBuilder(t), "first"
	r, _ := counted(t, &content)
	parts, err := b.makeAll(t.Context(), []recipe{r})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.writeManifest(append(parts, hostParts()...)); err != nil {
		t.Fatal(err)
	}
	m, err := release.Load(b.bundle)
	if err != nil {
		t.Fatal(err)
	}
	if err := release.Verify(t.Context(), b.bundle, m); err != nil {
		t.Error(err)
	}
}

func TestAFailureNamesItsPart(t *testing.T) {
	b, content := newBuilder(t), ""
	r, _ := counted(t, &content)
	r.make = func(context.Context, string) (string, error) { return "", os.ErrPermission }
	_, err := b.makeAll(t.Context(), []recipe{r})
	if err == nil || !strings.HasPrefix(err.Error(), "part: ") {
		t.Errorf("got %v, want an error that begins with the part", err)
	}
}

func TestKubernetesFlagsSetTheVersionTwice(t *testing.T) {
	flags, err := kubernetesFlags("v1.36.3", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"-X k8s.io/component-base/version.gitVersion=v1.36.3", "-X k8s.io/client-go/pkg/version.gitVersion=v1.36.3",
		"version.gitMajor=1 ", "version.gitMinor=36 ", "version.buildDate=1970-01-01T00:00:00Z",
	} {
		if !strings.Contains(flags, want) {
			t.Errorf("%q is not in %q", want, flags)
		}
	}
	if _, err := kubernetesFlags("1.36", time.Unix(0, 0)); err == nil {
		t.Error("1.36 is taken for a version")
	}
}

func TestTagHoldsNoDebianEpoch(t *testing.T) {
	for version, want := range map[string]string{"v1.15.0": "v1.15.0", "1:1.35.0-4+b1~x": "1.35.0-4-b1-x"} {
		if got := tag(version); got != want {
			t.Errorf("tag(%q) = %q, want %q", version, got, want)
		}
	}
}
