package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/jeroboam-cloud/jeroboam/distro/pack"
)

// The toolbox is Debian's busybox: a shell and the usual look-ups, for tests
// and for a look from inside a pod.
const (
	busyboxPackage = "busybox-static"
	busyboxVersion = "1:1.35.0-4+deb12u1+b1"
	busyboxPath    = "./bin/busybox"
	toolboxVersion = "1.35.0"
)

// applets are the names that the toolbox gives busybox in /bin.
var applets = []string{
	"cat", "cp", "cut", "date", "df", "echo", "env", "false", "free", "grep", "head", "hostname", "id", "ip", "kill", "ln", "ls", "mkdir", "mount", "mv",
	"nc", "netstat", "nslookup", "ping", "printf", "ps", "pwd", "rm", "route", "sed", "seq", "sh", "sleep", "sort", "stat", "sync", "tail", "test", "top",
	"touch", "tr", "traceroute", "true", "uname", "uptime", "vi", "wc", "wget", "which", "xargs",
}

func (b *builder) toolbox() recipe {
	part := image("toolbox", toolboxVersion)
	packed := pack.Image{Reference: part.Reference, Arch: arch, Cmd: []string{"/bin/sh"}, Env: []string{"PATH=/bin"}}
	return recipe{part: part, how: fmt.Sprint(busyboxVersion, applets, packed), sources: []string{filepath.Join(b.source, "pack")},
		make: func(ctx context.Context, scratch string) (string, error) {
			busybox, err := debianFile(ctx, scratch, busyboxPackage+"="+busyboxVersion, busyboxPath)
			if err != nil {
				return "", err
			}
			packed.Files = toolboxFiles(busybox)
			target := filepath.Join(scratch, "image.tar")
			return target, pack.Write(target, packed)
		}}
}

func toolboxFiles(busybox []byte) []pack.File {
	files := []pack.File{
		{Path: "bin/busybox", Mode: 0o755, Content: busybox},
		{Path: "etc/passwd", Mode: 0o644, Content: []byte("root:x:0:0:root:/root:/bin/sh\n")},
		{Path: "tmp", Mode: os.ModeDir | os.ModeSticky | 0o777},
	}
	for _, name := range applets {
		files = append(files, pack.File{Path: "bin/" + name, Link: "busybox"})
	}
	return files
}

// debianFile is the file called name of a Debian package ("name=version"),
// which is downloaded into scratch.
func debianFile(ctx context.Context, scratch, pkg, name string) ([]byte, error) {
	if _, err := run(ctx, scratch, "apt-get", "download", pkg); err != nil {
		return nil, fmt.Errorf("%w\nthe toolbox needs the Debian package %s: refresh the package lists with `apt-get update`, or raise busyboxVersion", err, pkg)
	}
	found, err := filepath.Glob(filepath.Join(scratch, "*.deb"))
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("apt-get download %s left %d packages", pkg, len(found))
	}
	text, err := run(ctx, ".", "dpkg-deb", "--fsys-tarfile", found[0])
	if err != nil {
		return nil, err
	}
	return tarFile(bytes.NewReader(text), name)
}

func tarFile(archive io.Reader, name string) ([]byte, error) {
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("the package has no file %s", name)
		}
		if err != nil {
			return nil, err
		}
		if h.Name == name {
			return io.ReadAll(r)
		}
	}
}
