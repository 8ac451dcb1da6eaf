package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/jeroboam-cloud/jeroboam"
)

// Verify reads every file of the bundle in dir and compares it with m. It
// reports all parts that are absent (NotFound) or differ (Invalid), joined.
// Parts of kind Host have no file and are not looked for.
func Verify(ctx context.Context, dir string, m Manifest) error {
	parts := make(chan Part)
	problems := make([]error, len(m.Parts))
	index := map[string]int{}
	for i, p := range m.Parts {
		index[p.Name] = i
	}
	var workers sync.WaitGroup
	for range min(runtime.NumCPU(), len(m.Parts)) {
		workers.Go(func() {
			for p := range parts {
				problems[index[p.Name]] = verifyPart(ctx, dir, p)
			}
		})
	}
	for _, p := range m.Parts {
		parts <- p
	}
	close(parts)
	workers.Wait()
	return errors.Join(problems...)
}

func verifyPart(ctx context.Context, dir string, p Part) error {
	if p.Kind == Host {
		return nil
	}
	found, size, err := FileDigest(ctx, filepath.Join(dir, filepath.FromSlash(p.Path)))
	if errors.Is(err, fs.ErrNotExist) {
		return rebuild(jeroboam.Errorf(jeroboam.NotFound, "bundle-part", "Part %s is missing: there is no file %s.", p.Name, p.Path))
	}
	if err != nil {
		return fmt.Errorf("verify %s: %w", p.Name, err)
	}
	if found != p.SHA256 || size != p.Size {
		return rebuild(jeroboam.Errorf(jeroboam.Invalid, "bundle-part",
			"Part %s is not what the manifest says: wanted sha256 %s (%d bytes), found %s (%d bytes).", p.Name, p.SHA256, p.Size, found, size))
	}
	return nil
}

func rebuild(e *jeroboam.Error) error {
	return e.WithRemedy("Build the bundle again with `go run ./distro/build`, or copy it anew.")
}

// FileDigest is the SHA-256, in hex, and the size in bytes of the file at
// path. It stops with ctx's error between reads.
func FileDigest(ctx context.Context, path string) (digest string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, stoppable{ctx, f})
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// stoppable is a reader that ends with its context.
type stoppable struct {
	ctx context.Context
	io.Reader
}

func (r stoppable) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
