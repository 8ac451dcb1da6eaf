// Package bundles keeps the verified bundles of a service by their digests, and
// beside them the agent that machines fetch: a cluster keeps the bytes it was made
// of when a bundle is rebuilt.
package bundles

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cmd/jeroboam/internal/state"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/release"
)

// Shelf is a directory of bundles, each in one of its own by digest.
type Shelf struct {
	Simulated bool // nothing is installed anywhere: machines are content with any release

	dir string
	all []installed // the newest version of each COE first
}

type installed struct {
	node.Bundle
	manifest release.Manifest
}

// Open verifies every bundle of the directory from and links it into dir, which is
// there, under its digest. What was installed before stays.
func Open(ctx context.Context, from, dir string) (*Shelf, error) {
	s := &Shelf{dir: dir}
	entries, err := os.ReadDir(from)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the bundles: %w", err)
	}
	for _, e := range entries {
		source := filepath.Join(from, e.Name())
		m, err := release.Load(source)
		if jeroboam.KindOf(err) == jeroboam.NotFound {
			continue // being built, or something else
		}
		if err != nil {
			return nil, err
		}
		if err := s.install(ctx, source, m); err != nil {
			return nil, fmt.Errorf("bundle %s: %w", e.Name(), err)
		}
	}
	slices.SortFunc(s.all, func(x, y installed) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), semver.Compare(y.Version, x.Version))
	})
	return s, nil
}

func (s *Shelf) install(ctx context.Context, source string, m release.Manifest) error {
	digest := release.Digest(m)
	target := filepath.Join(s.dir, digest)
	s.all = append(s.all, installed{node.Bundle{Name: m.Name, Version: m.Version, Digest: digest}, m})
	if _, err := os.Stat(target); err == nil {
		return nil // verified when it was put there
	}
	if err := release.Verify(ctx, source, m); err != nil {
		return err
	}
	temporary := target + ".new"
	if err := os.RemoveAll(temporary); err != nil {
		return err
	}
	if err := link(source, temporary, m); err != nil {
		return errors.Join(state.Error(s.dir, err), os.RemoveAll(temporary))
	}
	return os.Rename(temporary, target)
}

// link puts the bundle's files there without a second copy where the file
// system allows it. The manifest is copied: a rebuild writes over it.
func link(source, target string, m release.Manifest) error {
	for _, p := range m.Parts {
		if p.Kind == release.Host {
			continue
		}
		to := filepath.Join(target, filepath.FromSlash(p.Path))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		from := filepath.Join(source, filepath.FromSlash(p.Path))
		if os.Link(from, to) == nil {
			continue
		}
		if err := copyFile(from, to); err != nil {
			return err
		}
	}
	return copyFile(filepath.Join(source, release.ManifestFile), filepath.Join(target, release.ManifestFile))
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	status, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, status.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// Offer puts the agent's binary beside the bundles, in a directory named for its
// digest, so that machines with another one fetch it.
func (s *Shelf) Offer(ctx context.Context, binary string) (node.Upgrade, error) {
	const name = "jeroboam-agent"
	digest, _, err := release.FileDigest(ctx, binary)
	if err != nil {
		return node.Upgrade{}, fmt.Errorf("read the agent: %w", err)
	}
	offer := node.Upgrade{Digest: digest, Path: name, SHA256: digest}
	target := filepath.Join(s.dir, digest)
	if _, err := os.Stat(target); err == nil {
		return offer, nil
	}
	temporary := target + ".new"
	err = errors.Join(os.RemoveAll(temporary), os.MkdirAll(temporary, 0o755))
	if err == nil {
		err = copyFile(binary, filepath.Join(temporary, name))
	}
	if err == nil {
		err = os.Rename(temporary, target)
	}
	if err != nil {
		return node.Upgrade{}, state.Error(s.dir, err)
	}
	return offer, nil
}

// Find is the bundle of a COE's version.
func (s *Shelf) Find(_ context.Context, coe, version string) (node.Bundle, error) {
	for _, i := range s.all {
		if i.Name == coe && i.Version == version {
			return i.Bundle, nil
		}
	}
	if _, err := release.Find(coe, version); s.Simulated && err == nil {
		return node.Bundle{Name: coe, Version: version, Digest: strings.Repeat("0", 64)}, nil
	}
	return node.Bundle{}, jeroboam.Errorf(jeroboam.NotFound, "bundle-missing", "There is no bundle of %s %s.", coe, version).
		WithRemedy("The operator builds it with \"make bundle\" and starts the service again.")
}

// Versions lists what can be made of a COE, the newest first.
func (s *Shelf) Versions(coe string) []string {
	var all []string
	for _, i := range s.all {
		if i.Name == coe {
			all = append(all, i.Version)
		}
	}
	if !s.Simulated {
		return all
	}
	for _, r := range release.Versions(coe) {
		if !slices.Contains(all, r.Version) {
			all = append(all, r.Version)
		}
	}
	slices.SortFunc(all, func(x, y string) int { return release.Compare(y, x) })
	return all
}

// Path is where the bundle of a digest lies, for the gateway.
func (s *Shelf) Path(digest string) (string, bool) {
	for _, i := range s.all {
		if i.Digest == digest {
			return filepath.Join(s.dir, digest), true
		}
	}
	path := filepath.Join(s.dir, filepath.Base(digest))
	_, err := os.Stat(path)
	return path, err == nil
}
