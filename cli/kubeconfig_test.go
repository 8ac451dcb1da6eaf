package cli

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAPrivateFileIsReplacedAtOnceAndIsNobodyElses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubeconfig")
	for _, open := range []string{path, path + ".new"} {
		if err := os.WriteFile(open, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := writePrivate(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "new" {
		t.Errorf("%q, %v", text, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
