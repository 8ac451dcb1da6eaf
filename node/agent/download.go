package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/release"
)

const (
	downloads   = 4       // files at a time
	maxManifest = 4 << 20 // bytes
)

// download fetches a bundle from the gateway into BundleRoot/<digest>. Files
// that an earlier attempt completed are kept; the bundle appears whole or not
// at all.
func (a *Agent) download(ctx context.Context, digest string) error {
	partial := filepath.Join(a.BundleRoot, "."+digest+".partial")
	if err := os.MkdirAll(partial, 0o755); err != nil {
		return fmt.Errorf("fetch bundle: %w", err)
	}
	if err := a.fetch(ctx, digest, release.ManifestFile, partial, "", maxManifest); err != nil {
		return fmt.Errorf("fetch bundle: %w", err)
	}
	b := &bundle{dir: partial, programs: map[string]release.Part{}, checks: map[string]*check{}}
	if err := b.load(digest); err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(downloads)
	for _, part := range b.manifest.Parts {
		if part.Kind == release.Host {
			continue
		}
		group.Go(func() error { return a.fetchPart(groupCtx, digest, partial, part) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("fetch bundle: %w", err)
	}
	if err := os.Rename(partial, filepath.Join(a.BundleRoot, digest)); err != nil {
		return fmt.Errorf("fetch bundle: %w", err)
	}
	a.Logger.Info("bundle fetched", "bundle", digest)
	return nil
}

func (a *Agent) fetchPart(ctx context.Context, digest, dir string, part release.Part) error {
	path := filepath.Join(dir, filepath.FromSlash(part.Path))
	if present, _, err := release.FileDigest(ctx, path); err != nil || present != part.SHA256 {
		if err := a.fetch(ctx, digest, part.Path, dir, part.SHA256, part.Size); err != nil {
			return err
		}
	}
	if part.Kind != release.Binary {
		return nil
	}
	return os.Chmod(path, 0o755)
}

// fetch writes one file of a bundle under dir; sum, when given, is the SHA-256
// it must have. No more than max bytes are taken.
func (a *Agent) fetch(ctx context.Context, digest, path, dir, sum string, max int64) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	response, err := call(ctx, a.gateway.client, http.MethodGet, node.PathBundles+digest+"/"+escape(path), nil)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer response.Body.Close()
	file, err := root.OpenFile(path+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(file, hash), io.LimitReader(response.Body, max))
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if sum != "" && hex.EncodeToString(hash.Sum(nil)) != sum {
		return jeroboam.Errorf(jeroboam.Invalid, "bundle-part", "%s did not arrive as the manifest says.", path).
			WithRemedy("Verify the service's copy of the bundle.")
	}
	return root.Rename(path+".part", path)
}

// escape makes a slash-separated path safe in a URL.
func escape(path string) string {
	words := strings.Split(path, "/")
	for i, word := range words {
		words[i] = url.PathEscape(word)
	}
	return strings.Join(words, "/")
}
