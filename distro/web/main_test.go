package main

import (
	"context"
	"net/http/httptest"
	"testing"
)

func TestAnswerNamesTheHost(t *testing.T) {
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/path", nil)
	answer("pod-1").ServeHTTP(w, r)
	if got, want := w.Body.String(), "Hello from pod-1. You asked for /path from 192.0.2.1:1234.\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := serve(ctx, "127.0.0.1:0", answer("pod-1")); err != nil {
		t.Errorf("got %v, want a clean end", err)
	}
}
