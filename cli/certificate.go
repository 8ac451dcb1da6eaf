package cli

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/client"
)

func (a *app) certificate() *cobra.Command {
	return group("certificate", "Certificates of a cluster", a.certificateCA(), a.certificateSign(), a.certificateRotate())
}

func (a *app) certificateCA() *cobra.Command {
	var kind string
	c := &cobra.Command{Use: "ca CLUSTER", Short: "Print a CA certificate of a cluster", Args: exactly("CLUSTER")}
	c.Flags().StringVar(&kind, "type", "", "which authority: "+jeroboam.AuthorityMain+", "+jeroboam.AuthorityEtcd+" or "+jeroboam.AuthorityFrontProxy)
	c.RunE = a.asking(func(ctx context.Context, s *client.Client, args []string) error {
		ca, err := s.CA(ctx, args[0], kind)
		if err != nil {
			return err
		}
		return a.printer().Text(ca, "%s", ca.PEM)
	})
	return c
}

func (a *app) certificateSign() *cobra.Command {
	var kind string
	c := &cobra.Command{Use: "sign CLUSTER FILE", Short: "Have a certificate request signed; FILE - is standard input", Args: exactly("CLUSTER", "FILE")}
	c.Flags().StringVar(&kind, "type", "", "which authority signs")
	c.RunE = func(c *cobra.Command, args []string) error {
		csr, err := readFileOrInput(c.InOrStdin(), args[1])
		if err != nil {
			return err
		}
		s, err := a.client()
		if err != nil {
			return err
		}
		signed, err := s.Sign(c.Context(), wire.CertificateSign{ClusterUUID: args[0], CSR: csr, CACertType: kind})
		if err != nil {
			return err
		}
		return a.printer().Text(signed, "%s", signed.PEM)
	}
	return c
}

func (a *app) certificateRotate() *cobra.Command {
	var kind string
	wait := waiting{}
	c := &cobra.Command{Use: "rotate CLUSTER", Short: "Replace the authorities of a cluster and all they signed; kubeconfigs of before end", Args: exactly("CLUSTER")}
	c.Flags().StringVar(&kind, "type", "", "one authority: "+jeroboam.AuthorityMain+", "+jeroboam.AuthorityEtcd+" or "+jeroboam.AuthorityFrontProxy+"; all of them if not given")
	wait.flags(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error {
		return a.change(c, wait, func(ctx context.Context, s *client.Client) (string, error) { return s.RotateCA(ctx, args[0], kind) })
	}
	return c
}

func (a *app) credential() *cobra.Command {
	return group("credential", "The credential of the cloud that a cluster holds", a.credentialRotate())
}

func (a *app) credentialRotate() *cobra.Command {
	wait := waiting{}
	c := &cobra.Command{Use: "rotate CLUSTER", Short: "Replace the credential of the cloud that a cluster holds", Args: exactly("CLUSTER")}
	wait.flags(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error {
		return a.change(c, wait, func(ctx context.Context, s *client.Client) (string, error) { return s.RotateCredential(ctx, args[0]) })
	}
	return c
}

func readFileOrInput(stdin io.Reader, path string) (string, error) {
	var data []byte
	var err error
	if path == "-" {
		data, err = io.ReadAll(stdin)
	} else {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return "", jeroboam.Errorf(jeroboam.Invalid, "file", "%s cannot be read.", path).
			WithRemedy("Check its path and permissions.").Wrap(err)
	}
	return string(data), nil
}
