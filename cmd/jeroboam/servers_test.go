package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/vault"
)

// startTogether starts servers of one empty database at the same moment, each
// with a state directory of its own. Once each serves or was refused, it stops
// them, and returns why they were.
func startTogether(t *testing.T, shared ...string) (refused []error) {
	t.Helper()
	if why := database.Absent(); why != "" {
		t.Skip(why)
	}
	url, drop, err := database.Create()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var over atomic.Int32
	ended := make(chan error, len(shared))
	states := make([]string, len(shared))
	for i, dir := range shared {
		states[i] = filepath.Join(t.TempDir(), "state")
		c, err := loadConfig(t, "", map[string]string{"JEROBOAM_DATABASE": url.Reveal()}, "--state", states[i], "--shared", dir,
			"--listen", "127.0.0.1:0", "--drivers", "k8s_sim", "--bundles", t.TempDir(), "--log-level", "error")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			err := serve(ctx, c, io.Discard, t.Output())
			over.Add(1)
			ended <- err
		}()
	}
	eventually(t, "each server serves or is refused", func() bool {
		n := int(over.Load())
		for _, state := range states {
			if _, err := os.Stat(filepath.Join(state, "endpoint")); err == nil {
				n++
			}
		}
		return n == len(shared)
	})
	stop()
	for range shared {
		if err := <-ended; err != nil {
			refused = append(refused, err)
		}
	}
	return refused
}

func TestServersThatStartTogetherInOneDirectoryAllServe(t *testing.T) {
	shared := filepath.Join(t.TempDir(), "shared")
	if refused := startTogether(t, shared, shared); refused != nil {
		t.Error(refused)
	}
}

func TestOfServersThatStartTogetherWithKeysOfTheirOwnOneServes(t *testing.T) {
	dir := t.TempDir()
	refused := startTogether(t, filepath.Join(dir, "a"), filepath.Join(dir, "b"))
	if len(refused) != 1 {
		t.Fatalf("refused: %v", refused)
	}
	if e, _ := jeroboam.AsError(refused[0]); e == nil || e.Reason != vault.ReasonKey || e.Remedy == "" {
		t.Error(refused[0])
	}
}
