package credentials

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/jeroboam-cloud/jeroboam"
)

// DemoCloud is the name of the entry in the files this program writes.
const DemoCloud = "jeroboam"

// cloudsFile is the part of clouds.yaml that is read.
type cloudsFile struct {
	Clouds map[string]cloudEntry `json:"clouds"`
}

type cloudEntry struct {
	Auth     Credentials `json:"auth"`
	AuthType string      `json:"auth_type"`
	Region   string      `json:"region_name"`
	Endpoint string      `json:"container_infra_endpoint_override"`
	CACert   string      `json:"cacert"`
	Verify   *bool       `json:"verify"`
}

// files lists where clouds.yaml may be, in order; the first that exists counts.
func (s Source) files() []string {
	if named := s.Getenv("OS_CLIENT_CONFIG_FILE"); named != "" {
		return []string{named}
	}
	config := s.Getenv("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(s.Home, ".config")
	}
	paths := []string{"clouds.yaml", filepath.Join(config, "openstack", "clouds.yaml"), "/etc/openstack/clouds.yaml"}
	if demo := s.demo(); demo != "" {
		paths = append(paths, demo)
	}
	return paths
}

// demo returns the path of the clouds.yaml of this host's demo, "" if there is none.
func (s Source) demo() string {
	path := filepath.Join(s.State, "clouds.yaml")
	if s.State == "" || !readable(path) {
		return ""
	}
	return path
}

func readable(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

func (s Source) fromFile(name string, paths []string) (Credentials, error) {
	var known []string
	for _, path := range paths {
		file, err := readClouds(path)
		if errors.Is(err, fs.ErrNotExist) && len(paths) > 1 {
			continue
		}
		if err != nil {
			return Credentials{}, err
		}
		if entry, ok := file.Clouds[name]; ok {
			return s.complete(entry).checked("the cloud " + name + " of " + path + " and the environment")
		}
		known = slices.AppendSeq(known, maps.Keys(file.Clouds))
	}
	slices.Sort(known)
	e := jeroboam.Errorf(jeroboam.NotFound, "cloud", "There is no cloud %q in clouds.yaml.", name)
	if len(known) == 0 {
		return Credentials{}, e.WithRemedy("Put a clouds.yaml into one of: %s.", strings.Join(paths, ", "))
	}
	return Credentials{}, e.WithRemedy("Choose from: %s.", strings.Join(known, ", "))
}

func readClouds(path string) (cloudsFile, error) {
	var file cloudsFile
	data, err := os.ReadFile(path)
	if err != nil {
		return file, jeroboam.Errorf(jeroboam.Invalid, "clouds-yaml", "%s cannot be read.", path).
			WithRemedy("Check OS_CLIENT_CONFIG_FILE and the file's permissions.").Wrap(err)
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		return file, jeroboam.Errorf(jeroboam.Invalid, "clouds-yaml", "%s is not a clouds.yaml.", path).
			WithRemedy("Correct the file: its top is \"clouds:\", with one entry for each cloud.")
	}
	return file, nil
}

// complete adds what stands beside "auth", and what the entry leaves to the
// environment: a password is often kept out of the file.
func (s Source) complete(e cloudEntry) Credentials {
	c, env := e.Auth, s.fromEnvironment()
	c.Region, c.Endpoint, c.CACert = e.Region, e.Endpoint, e.CACert
	c.Insecure = e.Verify != nil && !*e.Verify
	fill := func(to *string, from string) {
		if *to == "" {
			*to = from
		}
	}
	fill(&c.Region, env.Region)
	fill(&c.Endpoint, env.Endpoint)
	fill(&c.CACert, env.CACert)
	if c.Password == "" {
		c.Password = env.Password
	}
	if c.ApplicationCredentialID != "" && c.ApplicationCredentialSecret == "" {
		c.ApplicationCredentialSecret = env.ApplicationCredentialSecret
	}
	return c
}
