package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jeroboam-cloud/jeroboam/distro/pack"
	"github.com/jeroboam-cloud/jeroboam/distro/pause"
	"github.com/jeroboam-cloud/jeroboam/release"
)

// The versions of what the bundle holds besides Kubernetes. Those of Go modules
// are repeated from the go.mod files, which decide; TestVersions compares them.
const (
	defaultKubernetes = "v1.36.3"
	containerdVersion = "v2.4.2"
	cniVersion        = "v1.9.1"
	corednsVersion    = "v1.15.0"
	pauseVersion      = "v1"
	webVersion        = "v1"
)

// images is the name before every image's own.
const images = "jeroboam.local/"

// recipe says how one part is made.
type recipe struct {
	part    release.Part
	how     string   // what else decides the bytes, as text
	sources []string // folders; the first is where Go runs
	// make builds the part in the folder scratch and returns the file.
	make func(ctx context.Context, scratch string) (string, error)
}

// recipes are the parts that have a file, the slowest first.
func (b *builder) recipes(ctx context.Context) ([]recipe, error) {
	kubernetes, err := b.kubernetes(ctx)
	if err != nil {
		return nil, err
	}
	recipes := []recipe{kubernetes}
	for _, name := range []string{"containerd", "containerd-shim-runc-v2", "ctr"} {
		recipes = append(recipes, b.containerd(name))
	}
	recipes = append(recipes, b.coredns(), b.web(), b.pause(), b.toolbox())
	for _, pkg := range []string{"ipam/host-local", "main/loopback", "main/ptp", "meta/portmap"} {
		recipes = append(recipes, b.cni(pkg))
	}
	return recipes, nil
}

// hostParts are the programs that a node takes from its own distribution:
// runc needs a C compiler to build, and nft and iptables belong to the kernel.
func hostParts() []release.Part {
	return []release.Part{
		{Name: "iptables", Kind: release.Host, Package: "iptables"},
		{Name: "nft", Kind: release.Host, Package: "nftables"},
		{Name: "runc", Kind: release.Host, Package: "runc"},
	}
}

// kubernetes is made from the same sources for every version: the default one
// with go.mod, each other with a go.VERSION.mod beside it.
func (b *builder) kubernetes(ctx context.Context) (recipe, error) {
	modfile := "go.mod"
	if b.version != defaultKubernetes {
		modfile = "go." + b.version + ".mod"
	}
	published, err := b.published(ctx, modfile)
	if err != nil {
		return recipe{}, fmt.Errorf("kubernetes %s: %w", b.version, err)
	}
	flags, err := kubernetesFlags(b.version, published)
	p := goProgram{dir: filepath.Join(b.source, "kubernetes"), modfile: modfile, pkg: ".", ldflags: flags}
	return p.recipe(release.Part{
		Name: "kubernetes", Version: b.version, Path: "bin/kubernetes",
		Links: []string{"controlplane", "etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet"},
	}), err
}

func (b *builder) containerd(name string) recipe {
	const module = "github.com/containerd/containerd/v2"
	p := goProgram{
		dir:     filepath.Join(b.source, "containerd"),
		pkg:     module + "/cmd/" + name,
		tags:    "no_btrfs,no_devmapper,no_zfs",
		ldflags: "-X " + module + "/version.Version=" + containerdVersion,
	}
	return p.recipe(release.Part{Name: name, Version: containerdVersion, Path: "bin/" + name})
}

func (b *builder) cni(pkg string) recipe {
	const module = "github.com/containernetworking/plugins"
	name := filepath.Base(pkg)
	p := goProgram{
		dir:     filepath.Join(b.source, "cni"),
		pkg:     module + "/plugins/" + pkg,
		ldflags: "-X " + module + "/pkg/utils/buildversion.BuildVersion=" + cniVersion,
	}
	return p.recipe(release.Part{Name: name, Version: cniVersion, Path: "cni/" + name})
}

func (b *builder) coredns() recipe {
	p := goProgram{dir: filepath.Join(b.source, "coredns"), pkg: "."}
	return p.image(image("coredns", corednsVersion), pack.Image{Ports: []string{"53/udp", "53/tcp", "9153/tcp"}})
}

func (b *builder) web() recipe {
	p := goProgram{dir: filepath.Join(b.source, "web"), pkg: "."}
	return p.image(image("web", webVersion), pack.Image{Ports: []string{"8080/tcp"}, User: "65534:65534"})
}

func (b *builder) pause() recipe {
	part := image("pause", pauseVersion)
	packed := pack.Image{
		Reference: part.Reference, Arch: arch, User: "65534:65534", Entrypoint: []string{"/pause"},
		Files: []pack.File{{Path: "pause", Mode: 0o755, Content: pause.AMD64()}},
	}
	return recipe{part: part, sources: []string{filepath.Join(b.source, "pause"), filepath.Join(b.source, "pack")},
		make: func(_ context.Context, scratch string) (string, error) {
			target := filepath.Join(scratch, "image.tar")
			return target, pack.Write(target, packed)
		}}
}

// image describes the part of an image of ours.
func image(name, version string) release.Part {
	return release.Part{Name: name, Version: version, Kind: release.Image, Path: "images/" + name + ".tar", Reference: images + name + ":" + tag(version)}
}

// tag is version as an image's tag may be written: without a Debian epoch and
// what else a tag cannot hold.
func tag(version string) string {
	if _, rest, found := strings.Cut(version, ":"); found {
		version = rest
	}
	return strings.NewReplacer("+", "-", "~", "-").Replace(version)
}

// program puts the executable at path into packed as its entrypoint.
func program(packed pack.Image, part release.Part, path string) (pack.Image, error) {
	file, err := pack.FromDisk(path, part.Name)
	if err != nil {
		return packed, fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	packed.Reference, packed.Arch = part.Reference, arch
	packed.Entrypoint = []string{"/" + part.Name}
	packed.Files = append(packed.Files, file, pack.File{Path: "tmp", Mode: os.ModeDir | os.ModeSticky | 0o777})
	return packed, nil
}
