package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// figure is one measurement of one case.
type figure struct {
	result
	workers int
	cpu     time.Duration // of the service, per answer; 0: not known
}

// column is what was measured of one target, by case.
type column struct {
	title   string
	figures map[string][]figure
}

// measureCases asks a target every case at every concurrency. cpu tells what its
// service has computed so far; nil: nobody knows.
func measureCases(ctx context.Context, w io.Writer, t target, all []request, workers []int, d time.Duration, cpu func() (time.Duration, error)) (map[string][]figure, error) {
	out := map[string][]figure{}
	fmt.Fprintf(w, "  %-32s %11s %10s %10s %10s %10s %6s\n", "", "concurrency", "per second", "p50", "p99", "CPU each", "failed")
	for _, c := range all {
		for _, n := range workers {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			f, err := measureOne(t, c, n, d, cpu)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			out[c.name] = append(out[c.name], f)
			fmt.Fprintf(w, "  %-32s %11d %10s %10s %10s %10s %6d\n", c.name, n, rate(f.rate),
				f.p50.Round(10*time.Microsecond), f.p99.Round(10*time.Microsecond), f.cost(), f.failed)
		}
	}
	return out, nil
}

func measureOne(t target, c request, workers int, d time.Duration, cpu func() (time.Duration, error)) (f figure, err error) {
	f.workers = workers
	if cpu == nil {
		f.result, err = load(t.address, t.wire(c), workers, d)
		return f, err
	}
	before, err := cpu()
	if err != nil {
		return f, err
	}
	if f.result, err = load(t.address, t.wire(c), workers, d); err != nil {
		return f, err
	}
	after, err := cpu()
	f.cpu = (after - before) / time.Duration(f.answers)
	return f, err
}

// cost is the service's CPU, where it is known.
func (f figure) cost() string {
	if f.cpu == 0 {
		return "-"
	}
	return f.cpu.Round(time.Microsecond).String()
}

// rate shows slow ones with a decimal.
func rate(perSecond float64) string {
	if perSecond < 100 {
		return fmt.Sprintf("%.1f", perSecond)
	}
	return fmt.Sprintf("%.0f", perSecond)
}

// sideBySide prints the columns' figures at one concurrency.
func sideBySide(w io.Writer, columns []column, names []string, workers int) {
	fmt.Fprintf(w, "\nSide by side, 100 clusters, concurrency %d: answers per second, p50, p99\n  %-28s", workers, "")
	for _, c := range columns {
		fmt.Fprintf(w, "  %-30s", c.title)
	}
	for _, name := range names {
		fmt.Fprintf(w, "\n  %-28s", name)
		for _, c := range columns {
			fmt.Fprintf(w, "  %-30s", c.at(name, workers))
		}
	}
	fmt.Fprintln(w)
}

func (c column) at(name string, workers int) string {
	for _, f := range c.figures[name] {
		if f.workers == workers {
			return strings.Join([]string{rate(f.rate), f.p50.Round(10 * time.Microsecond).String(), f.p99.Round(10 * time.Microsecond).String()}, ", ")
		}
	}
	return "-"
}
