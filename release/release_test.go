package release

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
)

// bundle writes a bundle with two files and a host part and returns its folder.
func bundle(t *testing.T) (string, Manifest) {
	t.Helper()
	dir := t.TempDir()
	m := Manifest{Schema: Schema, Name: "kubernetes", Version: "v1.2.3", OS: "linux", Arch: "amd64", Parts: []Part{
		{Name: "pause", Version: "v1", Kind: Image, Path: "images/pause.tar", Reference: "jeroboam.local/pause:v1"},
		{Name: "runc", Kind: Host, Package: "runc"},
		{Name: "web", Version: "v1", Kind: Binary, Path: "bin/web", Links: []string{"www"}},
	}}
	for i, p := range m.Parts {
		if p.Kind == Host {
			continue
		}
		path := filepath.Join(dir, p.Path)
		write(t, path, "content of "+p.Name)
		digest, size, err := FileDigest(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		m.Parts[i].SHA256, m.Parts[i].Size = digest, size
	}
	writeManifest(t, dir, m)
	return dir, m
}

func writeManifest(t *testing.T, dir string, m Manifest) {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, ManifestFile), string(text))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLoadReadsWhatWasWritten(t *testing.T) {
	dir, want := bundle(t)
	got, err := Load(dir)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if err := Verify(t.Context(), dir, got); err != nil {
		t.Errorf("a fresh bundle does not verify: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	part := func(p Part) Manifest { return Manifest{Schema: Schema, Parts: []Part{p}} }
	cases := map[string]struct {
		manifest Manifest
		detail   string
	}{
		"a schema it does not know":      {Manifest{Schema: 2}, "schema 2 is not 1"},
		"a part without a name":          {part(Part{Kind: Binary, Path: "x"}), `part "" has no name`},
		"two parts of one name":          {Manifest{Schema: Schema, Parts: []Part{{Name: "a", Kind: Host}, {Name: "a", Kind: Host}}}, `part "a" has no name of its own`},
		"a path that leads out":          {part(Part{Name: "a", Kind: Binary, Path: "../a"}), `"../a"`},
		"an absolute path":               {part(Part{Name: "a", Kind: Binary, Path: "/bin/a"}), `"/bin/a"`},
		"a part with a file but no path": {part(Part{Name: "a", Kind: Image}), `""`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeManifest(t, dir, c.manifest)
			_, err := Load(dir)
			if jeroboam.KindOf(err) != jeroboam.Invalid || !strings.Contains(err.Error(), c.detail) {
				t.Errorf("got %v, want Invalid with %q", err, c.detail)
			}
		})
	}
}

func TestLoadSaysHowToGetAMissingBundle(t *testing.T) {
	_, err := Load(t.TempDir())
	e, ok := jeroboam.AsError(err)
	if !ok || e.Kind != jeroboam.NotFound || e.Reason != "bundle-missing" || e.Remedy == "" {
		t.Errorf("got %v, want NotFound with a remedy", err)
	}
}

func TestVerifyNamesEveryPartThatDiffers(t *testing.T) {
	dir, m := bundle(t)
	write(t, filepath.Join(dir, "bin/web"), "something else")
	if err := os.Remove(filepath.Join(dir, "images/pause.tar")); err != nil {
		t.Fatal(err)
	}
	err := Verify(t.Context(), dir, m)
	if err == nil {
		t.Fatal("a spoilt bundle verifies")
	}
	found, _, _ := FileDigest(t.Context(), filepath.Join(dir, "bin/web"))
	web, _ := m.Find("web")
	for _, want := range []string{"Part pause is missing", "Part web", web.SHA256, found, "Build the bundle again"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestVerifyStopsWithItsContext(t *testing.T) {
	dir, m := bundle(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Verify(ctx, dir, m); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestDigestFollowsTheContent(t *testing.T) {
	_, m := bundle(t)
	before := Digest(m)
	if again := Digest(m); again != before {
		t.Errorf("got %s and %s for the same manifest", before, again)
	}
	m.Parts[0].SHA256 = strings.Repeat("0", 64)
	if Digest(m) == before {
		t.Error("another part, the same digest")
	}
}

func TestFindPart(t *testing.T) {
	_, m := bundle(t)
	if got, ok := m.Find("runc"); !ok || got.Package != "runc" {
		t.Errorf("runc: got %+v, %v", got, ok)
	}
	if _, ok := m.Find("nothing"); ok {
		t.Error("found a part that is not there")
	}
}

func TestCatalogueIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Catalogue() {
		switch {
		case r.COE == "" || r.Version == "" || !filepath.IsLocal(r.Bundle):
			t.Errorf("%+v is incomplete", r)
		case seen[r.COE+r.Version]:
			t.Errorf("%s %s is there twice", r.COE, r.Version)
		}
		seen[r.COE+r.Version] = true
	}
}

func TestVersionsAreNewestFirst(t *testing.T) {
	for _, coe := range []string{"kubernetes"} {
		all := Versions(coe)
		if len(all) == 0 || !slices.IsSortedFunc(all, func(a, b Release) int { return Compare(b.Version, a.Version) }) {
			t.Errorf("%s: %v", coe, list(all))
		}
	}
}

func TestFindNamesTheVersionsThereAre(t *testing.T) {
	newest := Versions("kubernetes")[0]
	if got, err := Find("kubernetes", newest.Version); err != nil || !reflect.DeepEqual(got, newest) {
		t.Errorf("got %+v, %v, want %+v", got, err, newest)
	}
	for _, coe := range []string{"kubernetes", "nothing"} {
		if _, err := Find(coe, "v0.0.1"); jeroboam.KindOf(err) != jeroboam.NotFound {
			t.Errorf("%s: got %v, want NotFound", coe, err)
		}
	}
	if _, err := Find("kubernetes", "v0.0.1"); !strings.Contains(err.Error(), newest.Version) {
		t.Errorf("%q names no version to choose", err)
	}
}

func TestUpgradesGoForwardOneLineAtATime(t *testing.T) {
	cases := map[string]struct {
		from, to string
		kind     jeroboam.Kind
	}{
		"to the next minor":          {"v1.35.4", "v1.36.3", ""},
		"to a later patch":           {"v1.36.1", "v1.36.3", ""},
		"to itself":                  {"v1.36.3", "v1.36.3", jeroboam.Conflict},
		"back":                       {"v1.36.3", "v1.35.4", jeroboam.Conflict},
		"over a minor":               {"v1.34.4", "v1.36.3", jeroboam.Conflict},
		"from a line like another's": {"v1.3.5", "v1.36.3", jeroboam.Conflict},
		"to what is not there":       {"v1.36.3", "v1.99.0", jeroboam.NotFound},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := jeroboam.KindOf(CheckUpgrade("kubernetes", c.from, c.to)); got != c.kind {
				t.Errorf("%s -> %s: got %q, want %q", c.from, c.to, got, c.kind)
			}
		})
	}
	err := CheckUpgrade("kubernetes", "v1.34.4", "v1.36.3")
	if !strings.Contains(err.Error(), "Choose one of v1.35.4.") {
		t.Errorf("%q does not name the step between", err)
	}
}

func TestCompareOrdersVersions(t *testing.T) {
	ordered := []string{"v1.9.0", "v1.35.4", "v1.36.0-alpha.2", "v1.36.0-alpha.10", "v1.36.0-rc.1", "v1.36.0", "v1.36.0.1", "v1.36.10", "20.10.24", "27.5.1"}
	for i, a := range ordered {
		for j, b := range ordered {
			if got, want := Compare(a, b), sign(i-j); got != want {
				t.Errorf("Compare(%s, %s) = %d, want %d", a, b, got, want)
			}
		}
	}
	if Compare("v1.36.3+debian", "1.36.3") != 0 {
		t.Error("a leading v and a build count")
	}
}

func sign(n int) int { return max(-1, min(1, n)) }
