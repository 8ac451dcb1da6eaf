package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/sqlite"
)

// victimDir tells this test binary to be the victim of a kill, in that directory.
const victimDir = "JEROBOAM_TEST_VICTIM"

// victim writes records from several goroutines and prints the ID of each that
// was acknowledged, while a run of the cluster "busy" is under way for ever.
func victim(dir string) error {
	b, err := sqlite.Open(context.Background(), sqlite.Options{Dir: dir})
	if err != nil {
		return err
	}
	err = b.Update(context.Background(), func(tx store.Tx) error { return tx.Wake("busy") })
	if err != nil {
		return err
	}
	running := make(chan struct{})
	go b.Work(context.Background(), store.Worker{Concurrency: 1, Run: func(context.Context, string, <-chan struct{}) (time.Duration, error) { //nolint:errcheck // ends with the process
		close(running)
		select {}
	}})
	<-running
	fmt.Println("running")
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprint(w, "-", i)
				err := b.Update(context.Background(), func(tx store.Tx) error {
					if _, err := tx.Put(store.Record{Kind: "k", ID: id, Data: []byte(`{}`)}); err != nil {
						return err
					}
					_, err := tx.Put(store.Record{Kind: "twin", ID: id, Data: []byte(`{}`)})
					return err
				})
				if err != nil {
					return
				}
				os.Stdout.WriteString(id + "\n") //nolint:errcheck // the parent is gone
			}
		})
	}
	wg.Wait()
	return nil
}

func TestKillLosesNothingThatWasAcknowledged(t *testing.T) {
	dir := t.TempDir()
	acknowledged := killAfter(t, dir, 200)
	b := open(t, dir)
	defer b.Close()
	kept := map[string]int{}
	err := b.View(context.Background(), func(tx store.Tx) error {
		for _, kind := range []string{"k", "twin"} {
			records, err := tx.List(store.Query{Kind: kind})
			if err != nil {
				return err
			}
			for _, r := range records {
				kept[r.ID]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range acknowledged {
		if kept[id] == 0 {
			t.Errorf("record %s was acknowledged and is lost", id)
		}
	}
	for id, n := range kept {
		if n != 2 {
			t.Errorf("record %s was half written", id)
		}
	}

	// The run that was killed is started again at once.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	started := make(chan string, 1)
	done := make(chan error)
	begin := time.Now()
	go func() {
		done <- b.Work(ctx, store.Worker{Concurrency: 1, Run: func(_ context.Context, cluster string, _ <-chan struct{}) (time.Duration, error) {
			started <- cluster
			return 0, nil
		}})
	}()
	select {
	case cluster := <-started:
		t.Logf("run of %s %v after the start", cluster, time.Since(begin))
	case <-time.After(time.Minute):
		t.Error("the killed run does not start again")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// killAfter kills a victim once it has acknowledged n records, and returns all
// that it had printed.
func killAfter(t *testing.T, dir string, n int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		switch line := lines.Text(); {
		case line == "running":
			_, err := sqlite.Open(context.Background(), sqlite.Options{Dir: dir})
			wantErr(t, err, jeroboam.Conflict, "state-in-use")
			if err == nil || !strings.Contains(err.Error(), fmt.Sprint("Process ", cmd.Process.Pid, " ")) {
				t.Errorf("%v does not name process %d", err, cmd.Process.Pid)
			}
		default:
			ids = append(ids, line)
		}
		if len(ids) == n {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd.Wait() //nolint:errcheck // it was killed
	if len(ids) < n {
		t.Fatalf("the victim ended by itself after %d records", len(ids))
	}
	return ids
}
