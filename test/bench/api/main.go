// Command api measures how fast the service answers: requests per second and
// latencies over loopback HTTP, with few and with many clusters stored, the
// load generator on the same cores; and what holding many clusters costs. It
// prints figures and asserts nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
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
}

func main() {
	o := options{}
	flag.StringVar(&o.program, "jeroboam", "bin/jeroboam", "the program to measure")
	stored := flag.String("stored", "100,10000", "clusters stored")
	workers := flag.String("concurrency", "1,16,64", "requests at once")
	flag.DurationVar(&o.duration, "for", 2*time.Second, "how long each figure is taken")
	flag.DurationVar(&o.idle, "idle", 10*time.Second, "how long the idle service is watched")
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
	for _, n := range o.stored {
		if err := o.measure(ctx, n); err != nil {
			return fmt.Errorf("with %d clusters: %w", n, err)
		}
	}
	return nil
}

// measure prints everything about a service that holds n clusters.
func (o options) measure(ctx context.Context, n int) error {
	dir, err := os.MkdirTemp("", "jeroboam-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	h, err := furnish(ctx, o.program, dir, n)
	if err != nil {
		return err
	}
	s, err := serve(ctx, o.program, dir)
	if err != nil {
		return err
	}
	defer s.stop()
	fmt.Printf("\n%d clusters stored\n", n)
	fmt.Printf("  %-28s %s\n", "start to first answer", s.started.Round(time.Millisecond))
	settled, err := s.settle(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("  %-28s %s later\n", "at rest", settled.Round(time.Second))
	cpu, err := s.idle(ctx, o.idle)
	if err != nil {
		return err
	}
	fmt.Printf("  %-28s %.1f %% of a core, %d MiB resident\n", "idle", 100*cpu, s.resident()>>20)
	fmt.Printf("  %-28s %11s %10s %10s %10s %6s\n", "", "concurrency", "per second", "p50", "p99", "failed")
	for _, c := range cases(h) {
		for _, workers := range o.workers {
			r, err := load(s.address, s.requests(c), workers, o.duration)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			fmt.Printf("  %-28s %11d %10.0f %10s %10s %6d\n", c.name, workers, r.rate, r.p50.Round(10*time.Microsecond), r.p99.Round(10*time.Microsecond), r.failed)
		}
	}
	fmt.Printf("  %-28s %d MiB\n", "resident at the end", s.resident()>>20)
	return nil
}
