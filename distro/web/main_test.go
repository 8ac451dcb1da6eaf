package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestAnswerNamesTheHost(t *testing.T) {
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/path", nil)
	answer("pod-1").ServeHTTP(w, r)
	if got, want := w.Body.String(), "Hello from pod-1. You asked for /path from 192.0.2.1:1234.\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEveryAnswerComesByAConnectionOfItsOwn(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(answer("pod-1"))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	var said strings.Builder
	if err := get(&said, server.URL, 3); err != nil {
		t.Fatal(err)
	}
	if n := connections.Load(); n != 3 || strings.Count(said.String(), "Hello from pod-1.") != 3 {
		t.Errorf("%d connections, %q", n, said.String())
	}
	if err := get(&said, "http://127.0.0.1:1", 1); err == nil {
		t.Error("nobody's answer is no error")
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := serve(ctx, "127.0.0.1:0", answer("pod-1")); err != nil {
		t.Errorf("got %v, want a clean end", err)
	}
}
