package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jeroboam-cloud/jeroboam/release"
)

// A part's stamp holds the key of what it was made from and the digest of what
// came out. The part is up to date when both still hold.

func (b *builder) stampFile(p release.Part) string { return filepath.Join(b.stamps(), p.Name) }

func (b *builder) stamp(p release.Part, key string) error {
	return os.WriteFile(b.stampFile(p), []byte(key+" "+p.SHA256), 0o644)
}

func (b *builder) upToDate(ctx context.Context, p release.Part, key string) (release.Part, bool) {
	stamp, err := os.ReadFile(b.stampFile(p))
	if err != nil {
		return p, false
	}
	p, err = b.describe(ctx, p)
	return p, err == nil && string(stamp) == key+" "+p.SHA256
}

// key is a digest of all that decides the part's bytes: its description, the
// commands that make it, the Go version and the sources.
func (r recipe) key(ctx context.Context) (string, error) {
	goVersion, err := toolchain(ctx, r.sources[0])
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, r.part, r.how, goVersion)
	for _, dir := range r.sources {
		if err := hashTree(h, dir); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// hashTree feeds w the name and the content of every file in dir that is not a
// test, in order.
func hashTree(w io.Writer, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		fmt.Fprintf(w, "%s %d\n%s", name, len(content), content)
		return err
	})
}
