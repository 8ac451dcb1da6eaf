package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticks is the unit of /proc/PID/stat: a hundredth of a second on Linux.
const ticks = 100

// cpu is the time the service has computed so far.
func (s *service) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(text), ") ") // of the name, which may hold blanks
	fields := strings.Fields(after)
	const user, system = 11, 12
	var sum time.Duration
	for _, field := range []int{user, system} {
		n, err := strconv.Atoi(fields[field])
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * time.Second / ticks
	}
	return sum, nil
}

// idle is the share of one core that the service computes while nobody asks.
func (s *service) idle(ctx context.Context, d time.Duration) (float64, error) {
	before, err := s.cpu()
	if err != nil {
		return 0, err
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	after, err := s.cpu()
	return float64(after-before) / float64(d), err
}

// settle waits until the service has found everything as it should be, after
// its start: until it computes next to nothing for a second, or for good.
func (s *service) settle(ctx context.Context) (time.Duration, error) {
	const quiet, longest = 0.1, 3 * time.Minute
	began := time.Now()
	for {
		share, err := s.idle(ctx, time.Second)
		if took := time.Since(began); err != nil || share < quiet || took > longest {
			return took, err
		}
	}
}

// resident is the memory that the service occupies, in bytes; 0 if it is gone.
func (s *service) resident() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		return 0
	}
	return pages * os.Getpagesize()
}
