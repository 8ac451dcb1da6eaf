// Command build makes the bundle of a Kubernetes version from source: the Go
// programs of the modules beside it, the images that hold some of them, and a
// manifest with the digest of every file. What is up to date is left alone.
//
//	go run ./distro/build
//	go run ./distro/build -kubernetes v1.35.4
//
// It needs Go, and for the toolbox image apt-get and dpkg-deb; it downloads Go
// modules and one Debian package, nothing else. The same sources and the same
// Go give the same bytes, wherever the tree and the caches are.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
)

func main() {
	out := flag.String("out", "bin/bundles", "folder of the bundles")
	source := flag.String("source", "distro", "folder of the sources: the distro folder of a checkout")
	version := flag.String("kubernetes", defaultKubernetes, "version of Kubernetes: "+defaultKubernetes+", or one with a go.VERSION.mod in distro/kubernetes")
	jobs := flag.Int("jobs", max(1, runtime.NumCPU()/2), "parts built at the same time")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	b := &builder{source: *source, bundle: filepath.Join(*out, "kubernetes-"+*version), version: *version, jobs: *jobs}
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}
