package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/release"
)

// bundle is an unpacked bundle whose parts are being verified.
type bundle struct {
	dir      string
	manifest release.Manifest
	programs map[string]release.Part // by every name a program is called by
	checks   map[string]*check       // by part name
}

// check is the verification of one part; err is valid once done is closed.
type check struct {
	done chan struct{}
	err  error
}

// openBundle finds the bundle on the machine, or fetches it, and begins to
// verify its parts, those that are needed first before the others. The zero
// Bundle is an empty one. The verification ends with ctx.
func (a *Agent) openBundle(ctx context.Context, want node.Bundle, first []string, group *sync.WaitGroup) (*bundle, error) {
	b := &bundle{programs: map[string]release.Part{}, checks: map[string]*check{}}
	if want.Digest == "" {
		return b, nil
	}
	b.dir = filepath.Join(a.BundleRoot, want.Digest)
	if _, err := os.Stat(b.dir); errors.Is(err, os.ErrNotExist) {
		if err := a.download(ctx, want.Digest); err != nil {
			return nil, err
		}
	}
	if err := b.load(want.Digest); err != nil {
		return nil, err
	}
	b.verify(ctx, a.verified, first, group)
	return b, nil
}

// load reads the manifest and refuses one of another digest.
func (b *bundle) load(digest string) error {
	manifest, err := release.Load(b.dir)
	if err != nil {
		return err
	}
	if release.Digest(manifest) != digest {
		return jeroboam.Errorf(jeroboam.Invalid, "bundle-digest", "The bundle in %s is not the one the config names.", b.dir).
			WithRemedy("Remove it from the machine, or replace the machine.")
	}
	b.manifest = manifest
	for _, part := range manifest.Parts {
		switch part.Kind {
		case release.Host:
			if _, err := hostProgram(part.Name); err != nil {
				return jeroboam.Errorf(jeroboam.Invalid, "host-program", "The machine has no program %q.", part.Name).
					WithRemedy("Use an image that has the package %s.", part.Package)
			}
		case release.Binary:
			for _, name := range append([]string{filepath.Base(part.Path)}, part.Links...) {
				b.programs[name] = part
			}
		}
		b.checks[part.Name] = &check{done: make(chan struct{})}
	}
	return nil
}

// verify starts verifying: some at a time, the programs called first before
// the rest.
func (b *bundle) verify(ctx context.Context, known *verified, first []string, group *sync.WaitGroup) {
	rank := func(p release.Part) int {
		for i, name := range first {
			if b.programs[filepath.Base(name)].Name == p.Name {
				return i
			}
		}
		return len(first)
	}
	parts := slices.Clone(b.manifest.Parts)
	slices.SortStableFunc(parts, func(x, y release.Part) int { return rank(x) - rank(y) })
	queue := make(chan release.Part, len(parts))
	for _, part := range parts {
		queue <- part
	}
	close(queue)
	for range min(runtime.GOMAXPROCS(0), len(parts)) {
		group.Go(func() {
			for part := range queue {
				c := b.checks[part.Name]
				c.err = known.verify(ctx, b.dir, part)
				close(c.done)
			}
		})
	}
}

// wait returns when the part of that name has been verified.
func (b *bundle) wait(ctx context.Context, part string) error {
	c := b.checks[part]
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// program is what a command's first word stands for.
type program struct {
	path    string
	version string // SHA-256 of a bundle's program, "" for the machine's own
	prepare func(context.Context) error
}

// find finds a program: a path as it is, a name in the bundle, else in the
// machine's own PATH. A path in BinDir stands for the bundle's program too, so
// that what runs does not change when the links do.
func (b *bundle) find(word, binDir string) program {
	name := strings.TrimPrefix(word, binDir+"/")
	if part, ok := b.programs[name]; ok {
		return program{
			path:    filepath.Join(b.dir, filepath.FromSlash(part.Path)),
			version: part.SHA256,
			prepare: func(ctx context.Context) error { return b.wait(ctx, part.Name) },
		}
	}
	at := program{path: word, prepare: func(context.Context) error { return nil }}
	if !strings.Contains(word, "/") {
		if path, err := hostProgram(word); err == nil {
			at.path = path
		} else {
			at.path = filepath.Join(binDir, word) // its absence is told at the start
		}
	}
	return at
}

// hostProgram looks a program of the machine's own distribution up.
func hostProgram(name string) (string, error) {
	for _, dir := range filepath.SplitList(hostPath) {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, exec.ErrNotFound)
}

// link makes BinDir show the bundle's programs, and no other bundle's.
func (b *bundle) link(binDir, bundleRoot string) error {
	for name, part := range b.programs {
		if err := ensureLink(filepath.Join(binDir, name), filepath.Join(b.dir, filepath.FromSlash(part.Path))); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(binDir)
	if err != nil {
		return fmt.Errorf("link the bundle's programs: %w", err)
	}
	for _, entry := range entries {
		path := filepath.Join(binDir, entry.Name())
		target, err := os.Readlink(path)
		if err != nil || !strings.HasPrefix(target, bundleRoot+"/") || strings.HasPrefix(target, b.dir+"/") {
			continue
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("link the bundle's programs: %w", err)
		}
	}
	return nil
}
