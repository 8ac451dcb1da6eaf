package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/api/openapi"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

var reference = sync.OnceValue(api.Reference)

// described is the operation of a route in the document.
func described(route string) (openapi.Operation, bool) {
	verb, path, _ := strings.Cut(route, " ")
	o, ok := reference().Paths[path][strings.ToLower(verb)]
	return o, ok
}

// checkReference requires that an answer is one that the document tells of,
// member by member. Every request of this package's tests passes here.
func checkReference(t testing.TB, req *http.Request, response *http.Response, data []byte) {
	t.Helper()
	route := api.RouteOf(req)
	if route == "" {
		return // the document has nothing to say of paths that are none
	}
	o, _ := described(route)
	told, ok := o.Responses[strconv.Itoa(response.StatusCode)]
	if !ok {
		t.Errorf("%s: the reference knows no status %d", route, response.StatusCode)
		return
	}
	kind, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	content, ok := told.Content[kind]
	switch {
	case len(data) == 0 && len(told.Content) == 0:
	case !ok:
		t.Errorf("%s: the reference knows no %q of status %d", route, kind, response.StatusCode)
	case kind == "application/json":
		var body any
		if err := json.Unmarshal(data, &body); err != nil {
			t.Error(err)
		}
		if err := fits(content.Schema, body); err != nil {
			t.Errorf("%s: status %d is not as the reference tells: %v", route, response.StatusCode, err)
		}
	}
}

// fits checks a value against as much of JSON Schema as the document uses.
func fits(s *openapi.Schema, v any) error {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return fits(reference().Components.Schemas[name], v)
	}
	if len(s.AnyOf) > 0 {
		var errs []error
		for _, one := range s.AnyOf {
			errs = append(errs, fits(one, v))
		}
		if slices.Contains(errs, nil) {
			return nil
		}
		return errors.Join(errs...)
	}
	if s.Type == nil {
		return nil // anything
	}
	if !slices.Contains(types(s), typeOf(v)) {
		return fmt.Errorf("%v is no %v", v, s.Type)
	}
	switch v := v.(type) {
	case map[string]any:
		return fitsObject(s, v)
	case []any:
		for i, item := range v {
			if err := fits(s.Items, item); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
	}
	return nil
}

func fitsObject(s *openapi.Schema, v map[string]any) error {
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			return fmt.Errorf("%s is missing", name)
		}
	}
	for name, value := range v {
		member := s.Properties[name]
		if other, ok := s.Additional.(*openapi.Schema); member == nil && ok {
			member = other
		}
		if member == nil {
			return fmt.Errorf("%s is unknown", name)
		}
		if err := fits(member, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func types(s *openapi.Schema) []string {
	if one, ok := s.Type.(string); ok {
		return []string{one}
	}
	return s.Type.([]string)
}

func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "number"
}

func TestTheReferenceHasEveryRouteAndNoOther(t *testing.T) {
	want := append(api.Uncovered(nil), "GET /", "GET /v1", "GET /healthcheck", "HEAD /healthcheck", "GET /v1/openapi.json")
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(api.Operations)); !slices.Equal(got, want) {
		t.Errorf("described are %v\nthe routes are %v", got, want)
	}
	var got []string
	for path, verbs := range reference().Paths {
		for verb := range verbs {
			got = append(got, strings.ToUpper(verb)+" "+path)
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("in the document are %v\nthe routes are %v", got, want)
	}
}

// TestTheReferenceHasEveryShapeOfTheWire finds shapes that were forgotten: the
// fields of those that are there are read off the types.
func TestTheReferenceHasEveryShapeOfTheWire(t *testing.T) {
	files, err := filepath.Glob("wire/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.IsExported() && isShape(spec.Type) {
				want = append(want, spec.Name.Name)
			}
			return true
		})
	}
	if len(want) < 20 {
		t.Fatalf("the wire has only %v", want)
	}
	for _, name := range want {
		if _, ok := reference().Components.Schemas[name]; !ok {
			t.Errorf("the reference has no %s", name)
		}
	}
}

func isShape(e ast.Expr) bool {
	s, ok := e.(*ast.StructType)
	return ok && slices.ContainsFunc(s.Fields.List, func(f *ast.Field) bool { return f.Tag != nil && strings.Contains(f.Tag.Value, "json:") })
}

// TestEverySuccessOfTheReferenceHappens looks for each in the transcripts, in
// the table of callers and in the two tests that follow it.
func TestEverySuccessOfTheReferenceHappens(t *testing.T) {
	met := metInTranscripts(t)
	met["GET /v1/openapi.json 200"], met["POST /v1/certificates 201"] = true, true
	for _, row := range table {
		words := strings.Fields(row.route)
		for _, status := range []string{row.owner, row.admin} {
			met[routeOf(t, words[0], words[1])+" "+status] = true
		}
	}
	for path, verbs := range reference().Paths {
		for verb, o := range verbs {
			route := strings.ToUpper(verb) + " " + path
			for status := range o.Responses {
				if status < "300" && !met[route+" "+status] {
					t.Errorf("%s %s was never met", route, status)
				}
			}
		}
	}
}

func metInTranscripts(t *testing.T) map[string]bool {
	t.Helper()
	met := map[string]bool{}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range archive.Files[1:] {
			if asked := strings.Fields(archive.Files[i].Name); f.Name == "answer" && len(asked) > 2 {
				status, _, _ := strings.Cut(string(f.Data), "\n")
				met[routeOf(t, asked[1], asked[2])+" "+status] = true
			}
		}
	}
	return met
}

func routeOf(t *testing.T, verb, path string) string {
	t.Helper()
	r, err := http.NewRequest(verb, "http://magnum.example"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return api.RouteOf(r)
}

func TestASignedCertificateIsAsTheReferenceTells(t *testing.T) {
	p := playerWithCluster(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(wire.CertificateSign{ClusterUUID: "c1",
		CSR: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))})
	if err != nil {
		t.Fatal(err)
	}
	p.must(t, "POST /v1/certificates "+string(body), "201") // request compares it
}

func TestTheReferenceIsServedToEverybody(t *testing.T) {
	p := newPlayer(t)
	answer := p.request(t, []string{"nobody", "GET", "/v1/openapi.json", "-"}, "")
	_, body, _ := strings.Cut(answer, "\n\n")
	var served, want any
	if err := json.Unmarshal([]byte(body), &served); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	data, err := json.Marshal(reference())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil || fmt.Sprint(served) != fmt.Sprint(want) {
		t.Errorf("served is another document: %v", err)
	}
}

// TestThePageIsMadeFromTheReference keeps docs/api.md current: go test ./api
// -run ThePage -update writes it.
func TestThePageIsMadeFromTheReference(t *testing.T) {
	file, want := filepath.Join("..", "docs", "api.md"), page(reference())
	if *rewrite {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("docs/api.md is not current (%v): go test ./api -run ThePage -update", err)
	}
}
