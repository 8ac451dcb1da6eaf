package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cmd/jeroboam/internal/state"
)

func serveCommand() *cobra.Command {
	var c config
	var file string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the service",
		Long: "Run the service until a signal ends it. Every setting is also an environment variable\n" +
			"(--gateway-listen is JEROBOAM_GATEWAY_LISTEN) and a key of the YAML file that --config or\n" +
			"JEROBOAM_CONFIG names (gateway_listen); flags win over variables, variables over the file.",
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&file, "config", "", "YAML file of settings")
	c.flags(cmd.Flags(), programDir())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := c.load(cmd.Flags(), file, os.Getenv); err != nil {
			return err
		}
		return serve(cmd.Context(), c, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

// programDir is where this program lies, and beside it what it needs.
func programDir() string {
	self, err := os.Executable()
	if err != nil {
		return "."
	}
	return filepath.Dir(self)
}

// serve runs the service until ctx ends. What a start that fails has made, it
// removes again. What is said once goes to stdout, the log to stderr.
func serve(ctx context.Context, c config, stdout, stderr io.Writer) (err error) {
	log := newLogger(c, stderr)
	if err := ready(ctx, c); err != nil {
		return err
	}
	s, err := state.Open(c.State)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Share(c.Shared); err != nil {
		return err
	}
	listener, err := listen(c.Listen, "--listen")
	if err != nil {
		return err
	}
	defer listener.Close()
	h, err := buildAlone(ctx, c, s, listener.Addr(), log)
	if err != nil {
		return err
	}
	if err := introduce(h.callers.own, stdout); err != nil {
		return errors.Join(err, h.close())
	}
	s.Keep()
	if c.Public.bare(listener.Addr()) {
		log.WarnContext(ctx, "passwords and tokens cross the network in the clear: give --tls-cert, or --trusted-proxies if a proxy speaks TLS")
	}
	log.InfoContext(ctx, "serving", "address", listener.Addr().String(), "url", h.url, "state", s.Own, "version", version)
	err = errors.Join(h.run(ctx, listener), h.close())
	log.InfoContext(context.WithoutCancel(ctx), "stopped")
	return err
}

// buildAlone builds while no other server of the shared directory does.
func buildAlone(ctx context.Context, c config, s *state.Directory, address net.Addr, log *slog.Logger) (*house, error) {
	done, err := s.Starting()
	if err != nil {
		return nil, err
	}
	defer done()
	return build(ctx, c, s, address, log)
}

func newLogger(c config, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // validated
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// listen opens the address of a setting, saying who has it if it is taken.
func listen(address, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, unix.EADDRINUSE):
		return nil, jeroboam.Errorf(jeroboam.Conflict, "port-taken", "Something else listens on %s.", address).
			WithRemedy("Stop it (ss -ltnp shows who it is), or choose another address with %s.", flag)
	case errors.Is(err, unix.EACCES):
		return nil, jeroboam.Errorf(jeroboam.Forbidden, "port", "This user may not listen on %s.", address).
			WithRemedy("Choose a port above 1023 with %s, or run as root.", flag)
	}
	return nil, jeroboam.Errorf(jeroboam.Invalid, "listen", "The service cannot listen on %s.", address).
		WithRemedy("Choose an address of this host with %s.", flag).Wrap(err)
}

// endpoint is the URL of the API as callers on this host reach it.
func endpoint(address net.Addr) string {
	host, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return "http://" + address.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// ready refuses to start what cannot work, before anything is made.
func ready(ctx context.Context, c config) error {
	for _, d := range c.rows() {
		check, ok := preflight[d.Cloud]
		if !ok {
			continue
		}
		if err := check(ctx, c); err != nil {
			return fmt.Errorf("driver %s: %w", d.Name, err)
		}
	}
	return nil
}
