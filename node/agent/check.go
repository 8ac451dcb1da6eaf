package agent

import (
	"path/filepath"
	"regexp"
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// imagesTask is the name under which the import of images is reported, and by
// which others can come after it.
const imagesTask = "images"

var unitName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// checkConfig refuses a config that cannot be applied.
func checkConfig(c node.Config) error {
	after, err := order(c)
	if err != nil {
		return err
	}
	if name, ok := cycle(after); ok {
		return badConfig("%s waits for itself", name)
	}
	paths := []string{}
	for _, d := range c.Directories {
		paths = append(paths, d.Path)
	}
	for _, f := range c.Files {
		paths = append(paths, f.Path)
	}
	serials := map[string]bool{}
	for _, d := range c.Disks {
		paths = append(paths, d.Mount)
		if d.Serial == "" || serials[d.Serial] {
			return badConfig("the disk for %q has no serial number of its own", d.Mount)
		}
		serials[d.Serial] = true
	}
	seen := map[string]bool{}
	for _, cert := range c.Certificates {
		paths = append(paths, cert.CertPath, cert.KeyPath)
		if cert.Name == "" || seen[cert.Name] {
			return badConfig("the certificate %q has no name of its own", cert.Name)
		}
		seen[cert.Name] = true
	}
	for _, path := range paths {
		if !filepath.IsAbs(path) {
			return badConfig("the path %q is not absolute", path)
		}
	}
	return nil
}

// order returns what each service and task waits for.
func order(c node.Config) (map[string][]string, error) {
	after := map[string][]string{}
	add := func(name string, command, waits []string) error {
		if _, double := after[name]; double || !unitName.MatchString(name) {
			return badConfig("%q is not a name of its own for a service or task", name)
		}
		if len(command) == 0 {
			return badConfig("%s has no command", name)
		}
		after[name] = waits
		return nil
	}
	for _, s := range c.Services {
		if err := add(s.Name, s.Command, s.After); err != nil {
			return nil, err
		}
	}
	for _, t := range c.Tasks {
		if err := add(t.Name, t.Command, t.After); err != nil {
			return nil, err
		}
	}
	if len(c.Images.Names) > 0 {
		if err := add(imagesTask, c.Images.Import, c.Images.After); err != nil {
			return nil, err
		}
	}
	for name, waits := range after {
		for _, other := range waits {
			if _, ok := after[other]; !ok {
				return nil, badConfig("%s waits for %q, which is not in the config", name, other)
			}
		}
	}
	return after, nil
}

// cycle finds a name that waits for itself.
func cycle(after map[string][]string) (string, bool) {
	var path []string
	done := map[string]bool{}
	var visit func(string) bool
	visit = func(name string) bool {
		if done[name] {
			return false
		}
		if slices.Contains(path, name) {
			return true
		}
		path = append(path, name)
		if slices.ContainsFunc(after[name], visit) {
			return true
		}
		path = path[:len(path)-1]
		done[name] = true
		return false
	}
	for name := range after {
		if visit(name) {
			return name, true
		}
	}
	return "", false
}

func badConfig(format string, args ...any) error {
	return jeroboam.Errorf(jeroboam.Invalid, "config", "The machine's config is not sound: "+format+".", args...)
}
