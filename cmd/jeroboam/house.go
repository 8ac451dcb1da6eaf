package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/cli/daemon"
	"github.com/jeroboam-cloud/jeroboam/cmd/jeroboam/internal/bundles"
	"github.com/jeroboam-cloud/jeroboam/cmd/jeroboam/internal/certfile"
	"github.com/jeroboam-cloud/jeroboam/cmd/jeroboam/internal/state"
	"github.com/jeroboam-cloud/jeroboam/engine"
	"github.com/jeroboam-cloud/jeroboam/engine/pace"
	"github.com/jeroboam-cloud/jeroboam/identity"
	"github.com/jeroboam-cloud/jeroboam/identity/embedded"
	"github.com/jeroboam-cloud/jeroboam/monitor"
	"github.com/jeroboam-cloud/jeroboam/node/gateway"
	"github.com/jeroboam-cloud/jeroboam/passage"
	"github.com/jeroboam-cloud/jeroboam/quota"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/vault"
)

// house is everything that runs in one service.
type house struct {
	config     config
	state      *state.Directory
	log        *slog.Logger
	url        string // where callers find the API
	store      store.Backend
	vault      vault.Vault
	closeVault func() error
	bundles    *bundles.Shelf
	drivers    []driver
	policy     *identity.Policy
	callers    callers
	verbs      *service.Service
	engine     *engine.Engine
	gateway    *gateway.Gateway
	pace       pace.Pace
	agents     []net.Listener
	passage    *passage.Passage // nil: users are not let through
	door       net.Listener     // of the passage

	watching    *watching
	certificate *certfile.Pair // nil: plain HTTP
}

// build makes every room and opens none of them to callers.
func build(ctx context.Context, c config, s *state.Directory, address net.Addr, log *slog.Logger) (_ *house, err error) {
	h := &house{config: c, state: s, log: log, url: c.Public.url(address)}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	for _, step := range []func(context.Context) error{h.openDoor, h.openPolicy, h.openStore, h.openIdentity, h.openBundles, h.openDrivers, h.countUsage, h.openVerbs, h.openPassage, h.openGateway} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func (h *house) openStore(ctx context.Context) error {
	backend, err := openStore(ctx, h.config.Database, h.state.Own, h.log)
	if err != nil {
		return err
	}
	h.store = h.watching.store(backend)
	h.vault, h.closeVault, err = openVault(ctx, h.config, h.state.Common, h.store)
	return h.otherKeys(err)
}

// openDoor makes what stands between the rooms and the world.
func (h *house) openDoor(ctx context.Context) (err error) {
	if c := h.config.Public; c.TLSCert != "" {
		if h.certificate, err = certfile.Open(c.TLSCert, c.TLSKey, h.log); err != nil {
			return err
		}
	}
	h.watching, err = openWatching(ctx, h.config.Observe, h.log)
	return err
}

func (h *house) openPolicy(context.Context) (err error) {
	h.policy, err = readPolicy(h.config.PolicyFile)
	return err
}

func (h *house) openBundles(ctx context.Context) (err error) {
	dir := h.state.Shared("bundles")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return state.Error(dir, err)
	}
	if h.bundles, err = bundles.Open(ctx, h.config.Bundles, dir); err != nil {
		return err
	}
	_, h.bundles.Simulated = h.config.mixture()
	return nil
}

func (h *house) openDrivers(ctx context.Context) (err error) {
	if h.drivers, err = openDrivers(h.config, h.state, h.log); err != nil {
		return err
	}
	if w, ok := simulated(h.drivers); ok {
		return remind(ctx, h.store, w)
	}
	return nil
}

// countUsage counts once what projects had before quotas were counted.
func (h *house) countUsage(ctx context.Context) error {
	size := func(ctx context.Context, c jeroboam.Cluster, flavor string) (jeroboam.Flavor, error) {
		for _, d := range h.drivers {
			if d.Name == c.Spec.Driver {
				return d.cloud.FindFlavor(ctx, c.Project, flavor)
			}
		}
		return jeroboam.Flavor{}, jeroboam.Errorf(jeroboam.Unsupported, "driver", "The driver %s is not configured.", c.Spec.Driver)
	}
	err := quota.Count(ctx, h.store, size, func(c jeroboam.Cluster, flavor string, err error) {
		h.log.WarnContext(ctx, "cores, memory and root disks of machines not counted", "cluster", c.ID, "flavor", flavor, "reason", err)
	})
	if err != nil {
		return fmt.Errorf("count the usage of quotas: %w", err)
	}
	return nil
}

// openGateway makes the engine and the door its machines come in by.
func (h *house) openGateway(ctx context.Context) error {
	if err := checkRemoteGateway(h.config, h.drivers); err != nil {
		return err
	}
	authority, err := gatewayAuthority(ctx, h.vault)
	if err != nil {
		return h.otherKeys(err)
	}
	options := gateway.Options{Authority: authority, Bundles: h.bundles.Path, Names: gatewayNames(h.config), Autoscaler: h.autoscale(), Logger: h.log}
	if !h.bundles.Simulated {
		if options.Agent, err = h.bundles.Offer(ctx, h.config.Agent); err != nil {
			return err
		}
	}
	if h.agents, err = listenForAgents(h.state, h.config.GatewayListen); err != nil {
		return err
	}
	h.engine = engine.New(engine.Options{
		Store: h.store, Vault: h.vault, Drivers: engineDrivers(h.drivers), Bundle: h.bundles.Find, Log: h.log,
		Gateway: engine.Gateway{URL: agentURL, Remote: h.config.GatewayURL, CA: authority.PEM(), Agent: options.Agent, Peer: h.config.GatewayPeerURL, SignAutoscaler: authority.SignAutoscaler},
		Tunnel:  h.tunnel(),
		Limits:  engine.Limits{Clusters: h.config.Concurrency}, Observer: h.watching.engine(), Pace: &h.pace,
		Shared: h.config.Database != "" && !h.bundles.Simulated, // whose agents live here
	})
	options.Registry = h.engine
	h.gateway = gateway.New(options)
	return nil
}

// introduce says once what nobody can look up later.
func introduce(own *embedded.Identity, stdout io.Writer) error {
	if own == nil {
		return nil
	}
	password, fresh := own.GeneratedPassword()
	if !fresh {
		return nil
	}
	_, err := fmt.Fprintf(stdout, "The administrator is %s of project %s; this is shown once.\nadmin password: %s\n",
		embedded.AdminUser, embedded.AdminProject, password.Reveal())
	return err
}

// run serves until ctx ends or a room fails. Then it ends from the door inwards:
// the API first, while the rooms behind it still work; see leave.
func (h *house) run(ctx context.Context, listener net.Listener) error {
	g, ctx := errgroup.WithContext(ctx)
	rooms, closeRooms := context.WithCancel(context.WithoutCancel(ctx))
	defer closeRooms()
	stopping := make(chan struct{})
	server := h.server(rooms, stopping)
	g.Go(func() error { return h.engine.Run(rooms) })
	g.Go(func() error { return h.monitor().Run(rooms) })
	g.Go(func() error { return h.admit(rooms) })
	g.Go(func() error { return h.letThrough(rooms) })
	g.Go(func() error { return h.watching.serve(rooms, h) })
	g.Go(func() error { return h.answer(server, listener) })
	g.Go(func() error { return h.reload(rooms) })
	g.Go(func() error {
		defer closeRooms()
		<-ctx.Done()
		close(stopping)
		return h.leave(rooms, server)
	})
	g.Go(func() error { return h.state.Write(daemon.EndpointFile, h.url) })
	h.tell("READY=1")
	return g.Wait()
}

// monitor looks after clusters that are there.
func (h *house) monitor() *monitor.Monitor {
	return monitor.New(monitor.Options{Store: h.store, Clouds: monitoredClouds(h.drivers), Access: h.engine.Access, Log: h.log})
}

// admit lets agents in: real ones by the gateway, simulated ones directly.
func (h *house) admit(ctx context.Context) error {
	if w, ok := simulated(h.drivers); ok {
		w.Serve(ctx, h.engine)
		return nil
	}
	return h.gateway.Serve(ctx, h.agents...)
}

// server answers the API; streams end when stopping is closed.
func (h *house) server(ctx context.Context, stopping <-chan struct{}) *http.Server {
	options := api.Options{Service: h.verbs, Logger: h.log, Stopping: stopping}
	return &http.Server{
		Handler:           h.pace.Requests(api.New(h.watching.offer(h.config.Public.offer(h.callers.offer(options))))),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		WriteTimeout:      answerLimit,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(h.log.Handler(), slog.LevelWarn),
	}
}

func (h *house) close() error {
	var errs []error
	for _, l := range h.agents {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	errs = append(errs, h.closePassage())
	h.callers.close()
	if h.closeVault != nil {
		errs = append(errs, h.closeVault())
	}
	if h.store != nil {
		errs = append(errs, h.store.Close())
	}
	if h.watching != nil {
		errs = append(errs, h.watching.close(context.Background()))
	}
	return errors.Join(errs...)
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// gatewayAuthority is the authority of agents, kept in the vault from the first
// start on: its certificate and key as one PEM text.
func gatewayAuthority(ctx context.Context, v vault.Vault) (gateway.Authority, error) {
	text, err := v.Ensure(ctx, vaultOwner, vaultGateway, func() (jeroboam.Secret, error) {
		fresh, err := gateway.NewAuthority(time.Now())
		if err != nil {
			return "", err
		}
		key, err := fresh.KeyPEM()
		return jeroboam.Secret(fresh.PEM() + pemBoundary + key.Reveal()), err
	})
	if err != nil {
		return gateway.Authority{}, fmt.Errorf("authority of the gateway: %w", err)
	}
	certificate, key, _ := strings.Cut(text.Reveal(), pemBoundary)
	return gateway.ParseAuthority(certificate, jeroboam.Secret(key))
}

const pemBoundary = "\n\n"
