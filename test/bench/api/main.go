// Command api measures how fast the service answers: requests per second and
// latencies over loopback HTTP, with few and with many clusters stored, with the
// embedded identity and with Keystone, the load generator on the same cores;
// what holding many clusters costs; and how fast clusters are made of the
// simulated cloud. Where a real Magnum runs, it is asked the same.
//
// It prints figures and asserts nothing. What is not there to be measured is
// left out, with the reason.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type options struct {
	program  string
	stored   []int
	workers  []int
	duration time.Duration // of one measurement
	idle     time.Duration // over which the cost of doing nothing is taken
	create   int           // clusters made, to see how long that takes
	cloud    string        // entry of clouds.yaml
	clouds   string        // that file
	magnum   string        // host:port
}

// compared is the concurrency of the columns side by side.
const compared = 16

func main() {
	o := options{}
	flag.StringVar(&o.program, "jeroboam", "bin/jeroboam", "the program to measure")
	stored := flag.String("stored", "100,10000", "clusters stored")
	workers := flag.String("concurrency", "1,16,64", "requests at once")
	flag.DurationVar(&o.duration, "for", time.Second, "how long each figure is taken")
	flag.DurationVar(&o.idle, "idle", 10*time.Second, "how long the idle service is watched")
	flag.IntVar(&o.create, "create", 300, "clusters to make, until they are complete; 0: none")
	flag.StringVar(&o.clouds, "clouds", "/etc/osbed/clouds.yaml", "clouds.yaml of an OpenStack with Keystone and Magnum")
	flag.StringVar(&o.cloud, "cloud", "osbed-admin", "its entry of an administrator; empty: neither is measured")
	flag.StringVar(&o.magnum, "magnum", "127.0.0.1:9511", "address of that Magnum; empty: it is not measured")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if o.stored, err = numbers(*stored); err == nil {
		o.workers, err = numbers(*workers)
	}
	if err == nil {
		err = o.run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func numbers(list string) (out []int, err error) {
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number of at least 1", word)
		}
		out = append(out, n)
	}
	return out, nil
}

func (o options) run(ctx context.Context) error {
	fmt.Printf("%d CPUs, %s; the load generator runs on them too\n", runtime.NumCPU(), runtime.Version())
	sites := []namedSite{{"embedded identity", embedded(o.program)}}
	keystone, why := o.keystone(ctx)
	if why == nil {
		sites = append(sites, namedSite{"Keystone", keystone.site})
	} else {
		fmt.Printf("Without Keystone: %v\n", why)
	}
	if o.create > 0 {
		if err := o.makeClusters(ctx); err != nil {
			return fmt.Errorf("make clusters: %w", err)
		}
	}
	var columns []column
	for _, n := range o.stored {
		measured, err := o.measure(ctx, n, sites)
		if err != nil {
			return fmt.Errorf("with %d clusters: %w", n, err)
		}
		if n == sideBySideOf {
			columns = append(columns, measured...)
		}
	}
	if why == nil {
		if column, err := o.measureMagnum(ctx, keystone); err == nil {
			columns = append(columns, column)
		} else {
			fmt.Printf("\nWithout Magnum: %v\n", err)
		}
	}
	if ctx.Err() == nil && len(columns) > 0 {
		sideBySide(os.Stdout, columns, []string{"list clusters, page of 100", "show a cluster", "list templates", createTemplate, createCluster}, compared)
	}
	return ctx.Err()
}

// sideBySideOf is how many clusters are held for the columns side by side.
const sideBySideOf = 100

type namedSite struct {
	name string
	site
}

// measure prints everything about a service that holds n clusters, once for
// each site, from the same state.
func (o options) measure(ctx context.Context, n int, sites []namedSite) (columns []column, err error) {
	dir, err := os.MkdirTemp("", "jeroboam-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	first := filepath.Join(dir, "furnished")
	if err := os.Mkdir(first, 0o700); err != nil {
		return nil, err
	}
	h, err := furnish(ctx, embedded(o.program), first, n)
	if err != nil {
		return nil, err
	}
	for i, s := range sites {
		state := filepath.Join(dir, strconv.Itoa(i))
		if err := copyState(state, first); err != nil {
			return nil, err
		}
		fmt.Printf("\n%d clusters stored, %s\n", n, s.name)
		figures, err := o.measureSite(ctx, s.site, state, h)
		if err != nil {
			return nil, err
		}
		columns = append(columns, column{"Jeroboam, " + s.name, figures})
		if err := os.RemoveAll(state); err != nil {
			return nil, err
		}
	}
	return columns, nil
}

func (o options) measureSite(ctx context.Context, at site, dir string, h holding) (map[string][]figure, error) {
	s, err := at.serve(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	fmt.Printf("  %-28s %s\n", "start to first answer", s.started.Round(time.Millisecond))
	settled, err := s.settle(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Printf("  %-28s %s later\n", "at rest", settled.Round(time.Second))
	cpu, err := s.idle(ctx, o.idle)
	if err != nil {
		return nil, err
	}
	fmt.Printf("  %-28s %.1f %% of a core, %d MiB resident\n", "idle", 100*cpu, s.resident()>>20)
	all := cases(h)
	last := len(all) - 1
	figures, err := measureCases(ctx, os.Stdout, s.target, all[:last], o.workers, o.duration, s.cpu)
	if err != nil {
		return nil, err
	}
	fmt.Printf("  %-32s %d MiB\n", "resident after that", s.resident()>>20)
	more, err := measureCases(ctx, os.Stdout, s.target, all[last:], o.workers, o.duration, s.cpu)
	figures[createCluster] = more[createCluster]
	return figures, err
}

// makeClusters measures a cluster's whole way, for many at once.
func (o options) makeClusters(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "jeroboam-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := embedded(o.program).serve(ctx, dir)
	if err != nil {
		return err
	}
	defer s.stop()
	var template struct{ UUID string }
	if err := s.call(ctx, "POST", "/v1/clustertemplates", templateBody, &template); err != nil {
		return err
	}
	before, err := s.cpu()
	if err != nil {
		return err
	}
	began := time.Now()
	for range o.create {
		if err := s.call(ctx, "POST", "/v1/clusters", fmt.Sprintf(`{"cluster_template_id": %q}`, template.UUID), nil); err != nil {
			return err
		}
	}
	accepted := time.Since(began)
	// The states of those that are not complete come after it in the alphabet.
	const notComplete = "/v1/clusters?limit=1&sort_key=status&sort_dir=desc"
	var list struct{ Clusters []struct{ Status string } }
	err = until(ctx, 100*time.Millisecond, func() (bool, error) {
		err := s.call(ctx, "GET", notComplete, "", &list)
		return len(list.Clusters) > 0 && list.Clusters[0].Status == "CREATE_COMPLETE", err
	})
	if err != nil {
		return err
	}
	took := time.Since(began)
	after, err := s.cpu()
	n := time.Duration(o.create)
	fmt.Printf("\n%d clusters of two machines made: accepted after %s, complete after %s: %.0f a second, %s of CPU each, %d MiB resident\n", o.create,
		accepted.Round(time.Millisecond), took.Round(time.Millisecond), float64(o.create)/took.Seconds(), ((after - before) / n).Round(10*time.Microsecond), s.resident()>>20)
	return err
}
