// Package autoscale answers the autoscalers of clusters: Kubernetes' own
// cluster-autoscaler with its cloud provider "externalgrpc". It is a client of
// the verbs as the API is: what an autoscaler asks for is judged, counted and
// written down like any user's wish. It decides nothing about sizes, and an
// autoscaler sees no cluster but the one that its certificate names.
package autoscale

import (
	"context"
	"log/slog"
	"net/http"
	"path"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/autoscale/internal/protocol"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/node/gateway"
	"github.com/jeroboam-cloud/jeroboam/service"
)

// User is who an autoscaler is in operations.
const User = "autoscaler"

// Options are what the answers are made of. All but Logger and Now must be set.
type Options struct {
	Service *service.Service
	// Project tells whose a cluster is.
	Project func(ctx context.Context, cluster string) (string, error)
	Drivers map[string]Driver // by the driver's name; those whose engine can be autoscaled
	Logger  *slog.Logger
	Now     func() time.Time
}

// Driver is what is asked of a row of the table of drivers.
type Driver struct {
	Scaler  coe.Scaler
	Flavors Flavors
}

// Flavors is the part of a cloud's catalogue that tells sizes of machines.
type Flavors interface {
	FindFlavor(ctx context.Context, project, idOrName string) (jeroboam.Flavor, error)
}

// New returns what answers node.PathAutoscaler over HTTP/2.
func New(o Options) http.Handler {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &server{Options: o, rolls: rolls{now: o.Now}, turns: newTurns()}
	answers := grpc.NewServer(grpc.UnaryInterceptor(s.admit))
	protocol.RegisterCloudProviderServer(answers, s)
	return answers
}

// server answers. It is safe for concurrent use.
type server struct {
	protocol.UnimplementedCloudProviderServer
	Options
	rolls rolls
	turns *turns
}

// asker is the autoscaler of one cluster.
type asker struct {
	cluster string
	caller  jeroboam.Caller
}

type askerKey struct{}

func askerOf(ctx context.Context) asker { return ctx.Value(askerKey{}).(asker) }

// admit lets in who has the certificate of an autoscaler, as a member of its
// cluster's project, and translates errors.
func (s *server) admit(ctx context.Context, request any, call *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	who, err := s.identify(ctx)
	if err != nil {
		return nil, statusOf(err)
	}
	answer, err := next(context.WithValue(ctx, askerKey{}, who), request)
	if err != nil {
		s.Logger.WarnContext(ctx, "autoscaler refused", "request", who.caller.RequestID, "cluster", who.cluster, "call", path.Base(call.FullMethod),
			"kind", jeroboam.KindOf(err), "err", err)
	}
	return answer, statusOf(err)
}

func (s *server) identify(ctx context.Context) (asker, error) {
	stranger := jeroboam.Errorf(jeroboam.Unauthenticated, "identity", "This needs the certificate of a cluster's autoscaler.")
	from, ok := peer.FromContext(ctx)
	if !ok {
		return asker{}, stranger
	}
	connection, ok := from.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return asker{}, stranger
	}
	cluster := gateway.AutoscalerOf(connection.State)
	if cluster == "" {
		return asker{}, stranger
	}
	project, err := s.Project(ctx, cluster)
	return asker{cluster, jeroboam.Caller{UserID: User, UserName: User, ProjectID: project, Roles: []string{"member", "reader"},
		RequestID: "req-" + uuid.NewString()}}, err
}

// Refresh begins a round: what was remembered of the last one is forgotten.
func (s *server) Refresh(ctx context.Context, _ *protocol.RefreshRequest) (*protocol.RefreshResponse, error) {
	s.rolls.forget(askerOf(ctx).cluster)
	return &protocol.RefreshResponse{}, nil
}

// Cleanup ends an autoscaler's life.
func (s *server) Cleanup(ctx context.Context, _ *protocol.CleanupRequest) (*protocol.CleanupResponse, error) {
	s.rolls.forget(askerOf(ctx).cluster)
	return &protocol.CleanupResponse{}, nil
}

// GPULabel names none: flavors do not tell about accelerators.
func (s *server) GPULabel(context.Context, *protocol.GPULabelRequest) (*protocol.GPULabelResponse, error) {
	return &protocol.GPULabelResponse{}, nil
}

// GetAvailableGPUTypes knows none.
func (s *server) GetAvailableGPUTypes(context.Context, *protocol.GetAvailableGPUTypesRequest) (*protocol.GetAvailableGPUTypesResponse, error) {
	return &protocol.GetAvailableGPUTypesResponse{}, nil
}
