// Package postgres lends tests a private PostgreSQL: made from the programs of
// Debian's packages in a temporary directory, reached by a unix socket alone,
// started by the first test of a package that asks and stopped by its TestMain.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/jeroboam-cloud/jeroboam"
)

// Server is the PostgreSQL of one test binary. The zero value is ready.
type Server struct {
	once   sync.Once
	err    error
	absent string // why there is none
	dir    string
	cmd    *exec.Cmd
	ended  chan error
	number atomic.Int64 // of the last database
}

// programs are where Debian and Ubuntu put them, then the newest of them.
const programs = "/usr/lib/postgresql/*/bin"

// Absent says why there is no PostgreSQL, "" if there is one.
func (s *Server) Absent() string {
	s.once.Do(s.start)
	return s.absent
}

// Database makes an empty database, which is dropped with the test, and returns
// its URL. It skips the test where PostgreSQL is not installed.
func (s *Server) Database(t testing.TB) jeroboam.Secret {
	t.Helper()
	if why := s.Absent(); why != "" {
		t.Skip(why)
	}
	url, drop, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	return url
}

// Create makes an empty database and returns its URL and what drops it.
func (s *Server) Create() (url jeroboam.Secret, drop func() error, err error) {
	switch why := s.Absent(); {
	case why != "":
		return "", nil, errors.New(why)
	case s.err != nil:
		return "", nil, fmt.Errorf("start PostgreSQL: %w", s.err)
	}
	name := fmt.Sprint("test", s.number.Add(1))
	drop = func() error { return execute(s.url("postgres"), "DROP DATABASE "+name+" WITH (FORCE)") }
	return s.url(name), drop, execute(s.url("postgres"), "CREATE DATABASE "+name)
}

func (s *Server) url(database string) jeroboam.Secret {
	return jeroboam.Secret("postgres://jeroboam@/" + database + "?host=" + url.QueryEscape(s.dir))
}

// Execute runs a statement on a connection of its own, as the superuser.
func Execute(t testing.TB, database jeroboam.Secret, statement string) {
	t.Helper()
	if err := execute(database, statement); err != nil {
		t.Fatal(err)
	}
}

func execute(database jeroboam.Secret, statement string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, database.Reveal())
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// Stop ends the server, if it runs, and removes what it wrote. For TestMain.
func (s *Server) Stop() {
	if s.cmd != nil {
		s.cmd.Process.Signal(syscall.SIGINT) //nolint:errcheck // it may have ended
		<-s.ended
	}
	if s.dir != "" {
		os.RemoveAll(s.dir) //nolint:errcheck // a temporary directory
	}
}

func (s *Server) start() {
	bins, err := filepath.Glob(programs)
	if err != nil || len(bins) == 0 {
		s.absent = "PostgreSQL is not installed: there is no " + programs
		return
	}
	slices.SortFunc(bins, func(a, b string) int { return major(a) - major(b) })
	if s.dir, s.err = os.MkdirTemp("", "pg"); s.err == nil {
		s.err = s.run(bins[len(bins)-1])
	}
}

// major is the version in /usr/lib/postgresql/15/bin.
func major(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin))) // others sort first
	return n
}

// settings trade safety for speed: the data is thrown away.
var settings = []string{"fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=",
	"max_connections=200", "shared_buffers=32MB", "deadlock_timeout=20ms", "autovacuum=off"}

func (s *Server) run(bin string) error {
	as, err := s.owner()
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	// A locale that sorts as people do shows that the store does not rely on it.
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "jeroboam", "-A", "trust", "-E", "UTF8", "-N", "--no-instructions",
		"--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
	initdb.SysProcAttr, initdb.Dir = as, s.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	args := []string{"-D", data, "-k", s.dir}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(bin, "postgres"), args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.SysProcAttr = log, log, s.dir, as
	as.Pdeathsig = syscall.SIGINT
	if err := s.watch(cmd); err != nil {
		return err
	}
	return s.ready(log.Name())
}

// owner makes the directory that of the user to run as: PostgreSQL refuses root.
func (s *Server) owner() (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{}
	if os.Geteuid() != 0 {
		return attr, nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(who.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(who.Gid)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(s.dir, uid, gid)
}

// watch starts the server on a thread that lives as long as it does: its death
// would be the server's, too.
func (s *Server) watch(cmd *exec.Cmd) error {
	started := make(chan error)
	s.ended = make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			s.ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.cmd = cmd
	return nil
}

// ready waits until the server lets somebody in.
func (s *Server) ready(log string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.url("postgres").Reveal())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			said, _ := os.ReadFile(log) // the error below says enough without it
			return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(said)))
		}
	}
}
