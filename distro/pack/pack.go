// Package pack writes container images as archives: one uncompressed layer,
// times at zero, files sorted, so that the same content is always the same
// bytes. The archive is an OCI layout with Docker's manifest.json beside it:
// containerd imports the one, docker load the other. It pulls and pushes
// nothing.
package pack

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// Image is what goes into an archive.
type Image struct {
	Reference  string // full name: "jeroboam.local/web:v1"
	Arch       string // Go's name: "amd64"
	Files      []File
	Entrypoint []string
	Cmd        []string
	Env        []string // "NAME=value"
	User       string   // "uid:gid"; root when empty
	Ports      []string // "8080/tcp"
}

// File is one entry of the layer, owned by root. With a Link it is a symbolic
// link; with a mode that is a folder's, a folder. Folders on the way to a file
// are made with mode 0755.
type File struct {
	Path    string // relative to the image's root: "bin/web"
	Mode    os.FileMode
	Content []byte
	Link    string
}

// FromDisk is the file at source as an executable of the image.
func FromDisk(source, target string) (File, error) {
	content, err := os.ReadFile(source)
	return File{Path: target, Mode: 0o755, Content: content}, err
}

// Write writes the archive of image to target.
func Write(target string, image Image) error {
	f, err := os.Create(target)
	if err != nil {
		return err
	}
	if err := archive(f, image); err != nil {
		f.Close()
		return fmt.Errorf("pack %s: %w", image.Reference, err)
	}
	return f.Close()
}

func archive(w io.Writer, image Image) error {
	layer, err := tarball(image.Files)
	if err != nil {
		return err
	}
	config, err := json.Marshal(configOf(image, layer))
	if err != nil {
		return err
	}
	manifest, err := json.Marshal(manifestOf(config, layer))
	if err != nil {
		return err
	}
	index, err := json.Marshal(indexOf(image, manifest))
	if err != nil {
		return err
	}
	docker, err := json.Marshal([]dockerManifest{{Config: blobPath(config), RepoTags: []string{image.Reference}, Layers: []string{blobPath(layer)}}})
	if err != nil {
		return err
	}
	files := []File{
		{Path: "oci-layout", Content: []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{Path: "index.json", Content: index},
		{Path: "manifest.json", Content: docker},
		{Path: blobPath(manifest), Content: manifest},
		{Path: blobPath(config), Content: config},
		{Path: blobPath(layer), Content: layer},
	}
	for i := range files {
		files[i].Mode = 0o644
	}
	text, err := tarball(files)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// tarball is a tar of files and of the folders that lead to them.
func tarball(files []File) ([]byte, error) {
	all := slices.Clone(files)
	for _, dir := range folders(files) {
		all = append(all, File{Path: dir, Mode: os.ModeDir | 0o755})
	}
	slices.SortFunc(all, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range all {
		if err := w.WriteHeader(f.header()); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		if _, err := w.Write(f.Content); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	err := w.Close()
	return out.Bytes(), err
}

// folders are the parents of files that are not among files themselves.
func folders(files []File) []string {
	given, missing := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		given[f.Path] = true
	}
	for _, f := range files {
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			if !given[dir] {
				missing[dir] = true
			}
		}
	}
	var names []string
	for name := range missing {
		names = append(names, name)
	}
	return names
}

func (f File) header() *tar.Header {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: f.Path, Mode: mode(f.Mode), Size: int64(len(f.Content)), ModTime: time.Unix(0, 0)}
	switch {
	case f.Link != "":
		h.Typeflag, h.Linkname, h.Mode, h.Size = tar.TypeSymlink, f.Link, 0o777, 0
	case f.Mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, f.Path+"/"
	}
	return h
}

// mode is the tar form of m: permissions and the sticky bit.
func mode(m os.FileMode) int64 {
	bits := int64(m.Perm())
	if m&os.ModeSticky != 0 {
		bits |= 0o1000
	}
	return bits
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func blobPath(content []byte) string { return "blobs/sha256/" + digest(content) }
