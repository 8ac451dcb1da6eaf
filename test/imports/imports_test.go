package imports

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/jeroboam-cloud/jeroboam"

// source is one Go file that is no test.
type source struct {
	path    string // relative to the repository
	room    string // its directory, root for the top
	imports []string
	texts   []string // string literals
}

func TestEveryRoomEntersOnlyWhereItMay(t *testing.T) {
	for _, s := range sources(t) {
		if free(s.room) {
			continue
		}
		allowed, listed := rowOf(s.room)
		if !listed {
			t.Errorf("%s: there is no row for the room %q: add one to rules.go, or move the code", s.path, s.room)
			continue
		}
		for _, path := range s.imports {
			to, ours := room(path)
			// Go itself keeps internal packages to their own corner.
			if ours && to != root && !strings.Contains(to, "/internal/") && !slices.Contains(allowed, to) {
				t.Errorf("%s: %s may not import %s", s.path, s.room, to)
			}
		}
	}
}

func TestTheNounsKnowTheStandardLibraryAlone(t *testing.T) {
	for _, s := range sources(t) {
		if s.room != root {
			continue
		}
		for _, path := range s.imports {
			if strings.Contains(strings.Split(path, "/")[0], ".") {
				t.Errorf("%s imports %s", s.path, path)
			}
		}
	}
}

func TestTheAgentCarriesNoDatabaseAndNoCloud(t *testing.T) {
	all := sources(t)
	seen := map[string]bool{}
	var visit func(string)
	visit = func(r string) {
		if seen[r] {
			return
		}
		seen[r] = true
		for _, s := range all {
			if s.room != r {
				continue
			}
			for _, path := range s.imports {
				if to, ours := room(path); ours {
					visit(to)
				}
				for _, heavy := range []string{"modernc.org/", "github.com/riverqueue/", "k8s.io/", "github.com/gophercloud/"} {
					if strings.HasPrefix(path, heavy) {
						t.Errorf("the agent carries %s through %s", path, s.path)
					}
				}
			}
		}
	}
	visit("cmd/jeroboam-agent")
	for _, no := range []string{"store", "cloud", "coe", "service", "engine", "vault"} {
		if seen[no] {
			t.Errorf("the agent carries the room %s", no)
		}
	}
}

func TestOnlyItsOwnRoomSpellsTheNameOfACOEOrACloud(t *testing.T) {
	for _, s := range sources(t) {
		if strings.HasPrefix(s.path, "test/") {
			continue
		}
		for _, rule := range spelling {
			if slices.ContainsFunc(rule.rooms, func(p string) bool { return strings.HasPrefix(s.path, p) }) {
				continue
			}
			for _, text := range s.texts {
				if slices.Contains(rule.words, text) {
					t.Errorf("%s spells %q", s.path, text)
				}
			}
		}
	}
}

// A rule that nothing tests is a rule that nobody keeps: the table must still
// see what breaks it.
func TestTheTableRefusesWhatTheRuleForbids(t *testing.T) {
	for _, arrow := range [][2]string{{"service", "engine"}, {"plan", "store"}, {"api", "store"}, {"engine", "cloud/local"}, {"cli", "service"}, {"coe/kubernetes", "coe/sim"}} {
		if allowed, _ := rowOf(arrow[0]); slices.Contains(allowed, arrow[1]) {
			t.Errorf("%s may import %s", arrow[0], arrow[1])
		}
	}
}

func free(r string) bool {
	return slices.ContainsFunc(anything, func(p string) bool { return r == p || strings.HasPrefix(r, p+"/") })
}

// rowOf finds the row of a room, or of the nearest room around it.
func rowOf(r string) ([]string, bool) {
	for at := r; at != "."; at = filepath.Dir(at) {
		if allowed, ok := mayEnter[at]; ok {
			return append(slices.Clone(allowed), within(at)...), true
		}
	}
	allowed, ok := mayEnter[root]
	return allowed, ok && r == root
}

// within lists the subrooms that have no row of their own: they belong to at.
func within(at string) []string {
	if at == "cli" {
		return []string{"cli", "cli/credentials", "cli/daemon", "cli/kubeconfig", "cli/output", "cli/progress"}
	}
	return []string{at}
}

func room(path string) (name string, ours bool) {
	if path == module {
		return root, true
	}
	return strings.CutPrefix(path, module+"/")
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	top := filepath.Join("..", "..")
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if rel != "." && (d.Name()[0] == '.' || d.Name() == "testdata" || rel == "bin" || rel == "distro") {
				return fs.SkipDir // distro/ holds modules of its own
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		s, err := read(path, rel)
		all = append(all, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d files found: the test looks in the wrong place", len(all))
	}
	return all
}

func read(path, rel string) (source, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	s := source{path: filepath.ToSlash(rel), room: filepath.ToSlash(filepath.Dir(rel))}
	skip := map[ast.Node]bool{}
	for _, spec := range file.Imports {
		to, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return source{}, err
		}
		skip[spec.Path] = true
		s.imports = append(s.imports, to)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && !skip[n] {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				s.texts = append(s.texts, text)
			}
		}
		return true
	})
	return s, nil
}
