package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/cli/progress"
	"github.com/jeroboam-cloud/jeroboam/client"
)

// waiting is what a command does about the change it is for: asks for it,
// asks and waits, or only shows what it would do.
type waiting struct {
	on    bool
	limit time.Duration
	dry   bool
}

func (w *waiting) flags(f *pflag.FlagSet) {
	f.BoolVar(&w.on, "wait", false, "wait until it is done, showing each step")
	f.DurationVar(&w.limit, "timeout", time.Hour, "how long --wait waits at most")
	f.BoolVar(&w.dry, "dry-run", false, "show the steps it would take, and change nothing")
}

// ask sends a change. On a dry run it shows what the change would do instead,
// and reports that nothing was asked for.
func (a *app) ask(ctx context.Context, s *client.Client, w waiting, call func(*client.Client) error) (asked bool, err error) {
	if !w.dry {
		return true, call(s)
	}
	p, err := s.Rehearse(ctx, call)
	if err != nil {
		return false, err
	}
	return false, a.printPlan(p)
}

// deleted is what has become of a thing by the time a command returns.
func (w waiting) deleted() string {
	if w.on {
		return "is deleted"
	}
	return "is being deleted"
}

// await follows the cluster's newest operation, if that is wished.
func (a *app) await(ctx context.Context, s *client.Client, cluster string, w waiting) error {
	if !w.on {
		return nil
	}
	return a.follow(ctx, s, cluster, w.limit)
}

func (a *app) clusterWatch() *cobra.Command {
	var limit time.Duration
	c := &cobra.Command{Use: "watch CLUSTER", Short: "Show what happens to a cluster until its newest operation ends", Args: exactly("CLUSTER")}
	c.Flags().DurationVar(&limit, "timeout", time.Hour, "how long to watch at most")
	c.RunE = a.asking(func(ctx context.Context, s *client.Client, args []string) error {
		cluster, err := s.Cluster(ctx, args[0])
		if err != nil {
			return err
		}
		if err := a.follow(ctx, s, cluster.UUID, limit); err != nil {
			return err
		}
		return a.showIfThere(ctx, s, cluster.UUID)
	})
	return c
}

func (a *app) showIfThere(ctx context.Context, s *client.Client, id string) error {
	err := a.showCluster(ctx, s, id)
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return a.printer().Text(wire.UUID{UUID: id}, "The cluster is gone.")
	}
	return err
}

// follow shows the cluster's newest operation until it ends, and returns what
// it failed for. A cluster that is gone has been deleted: success.
func (a *app) follow(ctx context.Context, s *client.Client, cluster string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	view := progress.New(a.stderr, a.warned)
	defer view.End()
	end, err := followNewest(ctx, s, cluster, view)
	switch {
	case err == nil:
		return failure(end)
	case jeroboam.KindOf(err) == jeroboam.NotFound:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return jeroboam.Errorf(jeroboam.Timeout, "wait", "It is not done after %v.", limit).
			WithRemedy("It goes on; look again with: jeroboam cluster watch %s.", cluster)
	}
	return err
}

// followNewest returns the newest operation as it ended; the zero one if there
// has been none. jeroboam.NotFound is the cluster that is gone.
func followNewest(ctx context.Context, s *client.Client, cluster string, view *progress.View) (wire.Operation, error) {
	all, err := s.Operations(ctx, cluster)
	if err != nil || len(all) == 0 {
		return wire.Operation{}, err
	}
	op := all[0].UUID
	view.Start(all[0])
	over := errors.New("over")
	err = s.Events(ctx, cluster, 0, func(e wire.Event) error {
		if e.Type == wire.EventGone {
			return over
		}
		if e.Operation != op {
			return nil
		}
		view.Event(e)
		if e.Type == "operation" && jeroboam.OperationState(e.State).Ended() {
			return over
		}
		return nil
	})
	if err != nil && !errors.Is(err, over) {
		return wire.Operation{}, err
	}
	return s.Operation(ctx, op)
}

// failure is what an operation ended with, as an error of this command.
func failure(op wire.Operation) error {
	switch {
	case op.State == jeroboam.OperationSuperseded:
		return jeroboam.Errorf(jeroboam.Conflict, "superseded", "Another change took over before this one was done.").
			WithRemedy("Watch that one: jeroboam cluster watch %s.", op.ClusterUUID)
	case op.State != jeroboam.OperationFailed:
		return nil
	case op.Cause == nil:
		return jeroboam.Errorf(jeroboam.Internal, "operation", "The %s failed.", op.Verb)
	}
	return op.Cause.Err()
}
