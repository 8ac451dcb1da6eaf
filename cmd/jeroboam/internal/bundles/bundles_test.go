package bundles

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/release"
)

// build writes a bundle of one part, over an older one of its name.
func build(t *testing.T, dir, version, content string) {
	t.Helper()
	sum := sha256.Sum256([]byte(content))
	m := release.Manifest{Schema: release.Schema, Name: "kubernetes", Version: version, Parts: []release.Part{
		{Name: "part", Version: version, Kind: release.Binary, Path: "bin/part", Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}}}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, "kubernetes-"+version)
	if err := os.RemoveAll(at); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(at, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"bin/part": []byte(content), release.ManifestFile: text} {
		if err := os.WriteFile(filepath.Join(at, name), data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, from, dir string) *Shelf {
	t.Helper()
	s, err := Open(t.Context(), from, dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAClusterKeepsTheBytesItWasMadeOf(t *testing.T) {
	from, dir := t.TempDir(), t.TempDir()
	build(t, from, "v1.9.0", "first")
	build(t, from, "v1.10.0", "newer")
	s := open(t, from, dir)
	if got := s.Versions("kubernetes"); !slices.Equal(got, []string{"v1.10.0", "v1.9.0"}) {
		t.Errorf("versions %q", got)
	}
	old, err := s.Find(t.Context(), "kubernetes", "v1.9.0")
	if err != nil {
		t.Fatal(err)
	}
	build(t, from, "v1.9.0", "second")
	s = open(t, from, dir)
	fresh, err := s.Find(t.Context(), "kubernetes", "v1.9.0")
	if err != nil || fresh.Digest == old.Digest {
		t.Errorf("the rebuilt one is %+v, %v", fresh, err)
	}
	for digest, want := range map[string]string{old.Digest: "first", fresh.Digest: "second"} {
		path, there := s.Path(digest)
		if got, err := os.ReadFile(filepath.Join(path, "bin", "part")); !there || string(got) != want {
			t.Errorf("under %s there is %q (%v), want %q", digest, got, err, want)
		}
	}
	if _, err := s.Find(t.Context(), "kubernetes", "v1.8.0"); jeroboam.KindOf(err) != jeroboam.NotFound {
		t.Errorf("one that is not there: %v", err)
	}
}

func TestABrokenBundleIsRefusedAndAnUnfinishedOneIsNot(t *testing.T) {
	from, dir := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(from, "unfinished"), 0o755); err != nil {
		t.Fatal(err)
	}
	open(t, from, dir)
	build(t, from, "v1.9.0", "whole")
	if err := os.WriteFile(filepath.Join(from, "kubernetes-v1.9.0", "bin", "part"), []byte("holed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), from, dir); err == nil {
		t.Error("taken as it is")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestTheAgentOnOfferIsTheOneThatIsInstalled(t *testing.T) {
	s, binary := open(t, t.TempDir(), t.TempDir()), filepath.Join(t.TempDir(), "agent")
	for _, content := range []string{"one", "two"} {
		if err := os.WriteFile(binary, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		offer, err := s.Offer(t.Context(), binary)
		if err != nil {
			t.Fatal(err)
		}
		path, there := s.Path(offer.Digest)
		if got, err := os.ReadFile(filepath.Join(path, offer.Path)); !there || string(got) != content {
			t.Errorf("on offer is %q (%v), want %q", got, err, content)
		}
	}
}
