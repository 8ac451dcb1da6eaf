package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// result is what one measurement found.
type result struct {
	rate     float64 // answers per second that were no failure
	answers  int
	p50, p99 time.Duration
	failed   int
}

// load sends requests over kept connections, one per worker, for a while. It is
// lean on purpose: what it burns, the service cannot use.
func load(address string, request []byte, workers int, d time.Duration) (result, error) {
	until := time.Now().Add(d)
	times, failed, errs := make([][]time.Duration, workers), make([]int, workers), make([]error, workers)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() { times[i], failed[i], errs[i] = worker(address, request, until) })
	}
	began := time.Now()
	wg.Wait()
	r, all := result{}, slices.Concat(times...)
	for _, n := range failed {
		r.failed += n
	}
	if len(all) == 0 {
		return r, errors.Join(append(errs, fmt.Errorf("all of %d requests failed", r.failed))...)
	}
	slices.Sort(all)
	r.answers = len(all)
	r.rate = float64(len(all)) / time.Since(began).Seconds()
	r.p50, r.p99 = all[len(all)/2], all[len(all)*99/100]
	return r, errors.Join(errs...)
}

// worker keeps one request under way until the end.
func worker(address string, request []byte, until time.Time) (times []time.Duration, failed int, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, 0, err
	}
	defer func() { conn.Close() }()
	in := bufio.NewReaderSize(conn, 64<<10)
	for begin := time.Now(); begin.Before(until); begin = time.Now() {
		status, closed, err := ask(conn, in, request)
		if closed && err == nil { // as servers do that know no kept connections
			if err = conn.Close(); err == nil {
				conn, err = net.Dial("tcp", address)
			}
			in.Reset(conn)
		}
		switch {
		case err != nil:
			return times, failed, err
		case status >= http.StatusBadRequest:
			failed++
		default:
			times = append(times, time.Since(begin))
		}
	}
	return times, failed, nil
}

func ask(conn net.Conn, in *bufio.Reader, request []byte) (status int, closed bool, err error) {
	if _, err := conn.Write(request); err != nil {
		return 0, false, err
	}
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		return 0, false, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, answer.Close, err
}
