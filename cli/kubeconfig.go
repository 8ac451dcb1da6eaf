package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/cli/kubeconfig"
	"github.com/jeroboam-cloud/jeroboam/client"
)

func (a *app) clusterConfig() *cobra.Command {
	var file, user, server string
	var force bool
	var groups []string
	c := &cobra.Command{Use: "config CLUSTER", Short: "Make a kubeconfig with a new key, which never leaves this machine", Args: exactly("CLUSTER")}
	c.Flags().StringVar(&file, "file", "-", "file to write, readable by its owner alone; - is standard output")
	c.Flags().BoolVar(&force, "force", false, "write over a file that is there")
	c.Flags().StringVar(&user, "user", "admin", "name of the user in the certificate")
	c.Flags().StringVar(&server, "server", "", "where to reach the API if not at its own address, whose name it keeps: https://host:port")
	c.Flags().StringSliceVar(&groups, "group", []string{"system:masters"}, "groups of the user in the certificate")
	c.RunE = func(c *cobra.Command, args []string) error {
		if _, err := os.Stat(file); err == nil && file != "-" && !force {
			return jeroboam.Errorf(jeroboam.Conflict, "file", "There is a file %s already.", file).
				WithRemedy("Name another one with --file, or add --force.")
		}
		s, err := a.client()
		if err != nil {
			return err
		}
		config, err := newKubeconfig(c.Context(), s, args[0], subject{user, groups}, server)
		if err != nil {
			return err
		}
		if file == "-" {
			_, err = a.stdout.Write(config)
			return err
		}
		if err := writePrivate(file, config); err != nil {
			return err
		}
		return a.printer().Text(map[string]string{"kubeconfig": file}, "export KUBECONFIG=%s", file)
	}
	return c
}

// subject is who a certificate is for.
type subject struct {
	user   string
	groups []string
}

// newKubeconfig has a fresh key certified for a user of the cluster, who reaches
// it at the server's address or, for "", at its own.
func newKubeconfig(ctx context.Context, s *client.Client, cluster string, who subject, server string) ([]byte, error) {
	c, err := s.Cluster(ctx, cluster)
	if err != nil {
		return nil, err
	}
	if c.APIAddress == nil {
		return nil, jeroboam.Errorf(jeroboam.Conflict, "api-address", "The cluster %s has no API address yet; it is %s.", c.Name, c.Status).
			WithRemedy("Wait for it: jeroboam cluster watch %s.", c.Name)
	}
	ca, err := s.CA(ctx, c.UUID, "")
	if err != nil {
		return nil, err
	}
	key, csr, err := kubeconfig.NewKey(who.user, who.groups)
	if err != nil {
		return nil, err
	}
	signed, err := s.Sign(ctx, wire.CertificateSign{ClusterUUID: c.UUID, CSR: csr})
	if err != nil {
		return nil, err
	}
	to := kubeconfig.Access{Cluster: c.Name, User: who.user, Server: *c.APIAddress, CA: ca.PEM + "\n", Certificate: signed.PEM + "\n", Key: key}
	if server != "" {
		own, err := url.Parse(to.Server)
		if err != nil {
			return nil, fmt.Errorf("the cluster's api_address: %w", err)
		}
		to.Server, to.Name = server, own.Hostname()
	}
	return to.YAML()
}

// writePrivate replaces a file by one that only its owner can read.
func writePrivate(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".") // mode 0600
	if err != nil {
		return unwritable(path, err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return unwritable(path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

func unwritable(path string, err error) error {
	return jeroboam.Errorf(jeroboam.Invalid, "file", "%s cannot be written.", path).
		WithRemedy("Check the directory and its permissions.").Wrap(err)
}
