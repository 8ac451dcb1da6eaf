package cli

import (
	"context"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cli/output"
	"github.com/jeroboam-cloud/jeroboam/release"
)

func (a *app) bundle() *cobra.Command {
	var store string
	c := group("bundle", "Bundles: the software of one version, part by part with its digest",
		a.bundleList(&store), a.bundleShow(&store), a.bundleVerify(&store), a.bundleAdd(&store))
	c.PersistentFlags().StringVar(&store, "bundles", a.bundleStore(), "directory of bundles")
	return c
}

// bundleStore is where the service of this program looks for bundles.
func (a *app) bundleStore() string {
	if dir := a.getenv("JEROBOAM_BUNDLES"); dir != "" {
		return dir
	}
	self, err := os.Executable()
	if err != nil {
		return "bundles"
	}
	return filepath.Join(filepath.Dir(self), "bundles")
}

// shownBundle is a bundle as programs read it.
type shownBundle struct {
	Name     string           `json:"name"` // of its directory
	Path     string           `json:"path"`
	Digest   string           `json:"digest"`
	Manifest release.Manifest `json:"manifest"`
}

func loadBundle(store, name string) (shownBundle, error) {
	path := filepath.Join(store, name)
	manifest, err := release.Load(path)
	if err != nil {
		return shownBundle{}, err
	}
	return shownBundle{Name: name, Path: path, Digest: release.Digest(manifest), Manifest: manifest}, nil
}

func (a *app) bundleList(store *string) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the bundles of this host", Args: exactly(), RunE: func(*cobra.Command, []string) error {
		entries, err := os.ReadDir(*store)
		if err != nil && !os.IsNotExist(err) {
			return jeroboam.Errorf(jeroboam.Invalid, "bundles", "%s cannot be read.", *store).WithRemedy("Name another directory with --bundles.").Wrap(err)
		}
		all := []shownBundle{}
		var rows [][]string
		for _, e := range entries {
			b, err := loadBundle(*store, e.Name())
			if jeroboam.KindOf(err) == jeroboam.NotFound {
				continue // half built, or something else
			}
			if err != nil {
				return err
			}
			all = append(all, b)
			rows = append(rows, []string{b.Name, b.Manifest.Name, b.Manifest.Version, strconv.Itoa(len(b.Manifest.Parts)), b.Digest[:12]})
		}
		return a.printer().List(map[string]any{"bundles": all}, []string{"BUNDLE", "COE", "VERSION", "PARTS", "DIGEST"}, rows)
	}}
}

func (a *app) bundleShow(store *string) *cobra.Command {
	return &cobra.Command{Use: "show BUNDLE", Short: "Show the parts of a bundle", Args: exactly("BUNDLE"), RunE: func(_ *cobra.Command, args []string) error {
		b, err := loadBundle(*store, args[0])
		if err != nil {
			return err
		}
		rows := make([][]string, len(b.Manifest.Parts))
		for i, p := range b.Manifest.Parts {
			rows[i] = []string{p.Name, p.Version, string(p.Kind), p.Path + p.Package, megabytes(p.Size), p.SHA256}
		}
		return a.printer().List(b, []string{"PART", "VERSION", "KIND", "PATH OR PACKAGE", "SIZE", "SHA256"}, rows)
	}}
}

func (a *app) bundleVerify(store *string) *cobra.Command {
	return &cobra.Command{Use: "verify BUNDLE", Short: "Compare every file of a bundle with its digest", Args: exactly("BUNDLE"), RunE: func(c *cobra.Command, args []string) error {
		b, err := loadBundle(*store, args[0])
		if err != nil {
			return err
		}
		if err := release.Verify(c.Context(), b.Path, b.Manifest); err != nil {
			return err
		}
		return a.printer().Text(b, "The bundle %s is whole: %s, digest %s.", b.Name, plural(len(b.Manifest.Parts), "part"), b.Digest[:12])
	}}
}

func (a *app) bundleAdd(store *string) *cobra.Command {
	return &cobra.Command{Use: "add DIRECTORY", Short: "Verify a bundle and copy it to the bundles of this host", Args: exactly("DIRECTORY"), RunE: func(c *cobra.Command, args []string) error {
		source, err := loadBundle(filepath.Dir(filepath.Clean(args[0])), filepath.Base(filepath.Clean(args[0])))
		if err != nil {
			return err
		}
		if err := release.Verify(c.Context(), source.Path, source.Manifest); err != nil {
			return err
		}
		name := source.Manifest.Name + "-" + source.Manifest.Version
		target := filepath.Join(*store, name)
		if err := copyBundle(c.Context(), source, target); err != nil {
			return err
		}
		return a.printer().Object(source, []output.Field{{Name: "Bundle", Value: name}, {Name: "Path", Value: target}, {Name: "Digest", Value: source.Digest}})
	}}
}

// copyBundle puts the whole bundle there under its name, or nothing at all.
func copyBundle(ctx context.Context, b shownBundle, target string) error {
	if _, err := os.Stat(target); err == nil {
		return jeroboam.Errorf(jeroboam.Conflict, "bundle-exists", "There is a bundle in %s already.", target).
			WithRemedy("Remove that directory first, if no cluster uses it.")
	}
	temporary := target + ".new"
	err := os.MkdirAll(filepath.Dir(target), 0o755)
	if err == nil {
		err = os.CopyFS(temporary, os.DirFS(b.Path))
	}
	if err == nil {
		err = release.Verify(ctx, temporary, b.Manifest)
	}
	if err == nil {
		err = os.Rename(temporary, target)
	}
	if err == nil {
		return nil
	}
	_ = os.RemoveAll(temporary)
	if _, ours := jeroboam.AsError(err); ours {
		return err
	}
	return jeroboam.Errorf(jeroboam.Unavailable, "bundle-copy", "The bundle could not be copied to %s.", target).
		WithRemedy("Make room there, or name another directory with --bundles.").Wrap(err)
}

func megabytes(bytes int64) string {
	if bytes == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(bytes)/1e6, 'f', 1, 64) + " MB"
}
