package pack

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

var sample = Image{
	Reference: "jeroboam.local/sample:v1", Arch: "amd64", Entrypoint: []string{"/bin/sample"}, User: "1:1", Ports: []string{"80/tcp"},
	Files: []File{
		{Path: "tmp", Mode: os.ModeDir | os.ModeSticky | 0o777},
		{Path: "bin/sample", Mode: 0o755, Content: []byte("program")},
		{Path: "bin/alias", Link: "sample"},
	},
}

func write(t *testing.T, image Image) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := Write(path, image); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// entries reads a tar: its headers in order, and its files by name.
func entries(t *testing.T, archive []byte) (headers []tar.Header, files map[string][]byte) {
	t.Helper()
	files = map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return headers, files
		}
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, *h)
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func decode[T any](t *testing.T, text []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestTheSameImageIsTheSameBytes(t *testing.T) {
	turned := sample
	turned.Files = slices.Clone(sample.Files)
	slices.Reverse(turned.Files)
	if !bytes.Equal(write(t, sample), write(t, turned)) {
		t.Error("the order of the files changes the archive")
	}
}

func TestTheArchiveLeadsFromIndexToLayer(t *testing.T) {
	_, files := entries(t, write(t, sample))
	index := decode[ociIndex](t, files["index.json"])
	manifest := decode[ociManifest](t, blob(t, files, index.Manifests[0]))
	config := decode[ociConfig](t, blob(t, files, manifest.Config))
	layer := blob(t, files, manifest.Layers[0])

	if got := index.Manifests[0].Annotations["io.containerd.image.name"]; got != sample.Reference {
		t.Errorf("containerd would name it %q, want %q", got, sample.Reference)
	}
	want := runConfig{User: "1:1", Ports: map[string]struct{}{"80/tcp": {}}, Entrypoint: []string{"/bin/sample"}}
	if !reflect.DeepEqual(config.Config, want) {
		t.Errorf("got %+v, want %+v", config.Config, want)
	}
	if got := config.RootFS.DiffIDs; !slices.Equal(got, []string{"sha256:" + digest(layer)}) {
		t.Errorf("the config names layers %v, there is sha256:%s", got, digest(layer))
	}
}

// blob is the content that d names, checked against its size and digest.
func blob(t *testing.T, files map[string][]byte, d descriptor) []byte {
	t.Helper()
	content := files["blobs/sha256/"+d.Digest[len("sha256:"):]]
	if len(content) != d.Size || "sha256:"+digest(content) != d.Digest {
		t.Fatalf("%+v leads to %d bytes with digest %s", d, len(content), digest(content))
	}
	return content
}

func TestDockerFindsTheSameLayer(t *testing.T) {
	_, files := entries(t, write(t, sample))
	docker := decode[[]dockerManifest](t, files["manifest.json"])
	if len(docker) != 1 || !slices.Equal(docker[0].RepoTags, []string{sample.Reference}) {
		t.Fatalf("got %+v", docker)
	}
	for _, path := range append(docker[0].Layers, docker[0].Config) {
		if _, ok := files[path]; !ok {
			t.Errorf("%s is named but not there", path)
		}
	}
}

func TestTheLayerHoldsFilesFoldersAndLinks(t *testing.T) {
	layer, err := tarball(sample.Files)
	if err != nil {
		t.Fatal(err)
	}
	headers, files := entries(t, layer)
	type entry struct {
		Name, Link string
		Type       byte
		Mode       int64
	}
	var got []entry
	for _, h := range headers {
		got = append(got, entry{h.Name, h.Linkname, h.Typeflag, h.Mode})
		if h.ModTime.Unix() != 0 || h.Uid != 0 || h.Gid != 0 {
			t.Errorf("%s has time %v and owner %d:%d", h.Name, h.ModTime, h.Uid, h.Gid)
		}
	}
	want := []entry{
		{"bin/", "", tar.TypeDir, 0o755},
		{"bin/alias", "sample", tar.TypeSymlink, 0o777},
		{"bin/sample", "", tar.TypeReg, 0o755},
		{"tmp/", "", tar.TypeDir, 0o1777},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if string(files["bin/sample"]) != "program" {
		t.Errorf("the program is %q", files["bin/sample"])
	}
}
