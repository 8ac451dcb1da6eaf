package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// service is one "jeroboam serve" with the simulated cloud.
type service struct {
	target
	cmd     *exec.Cmd
	started time.Duration // from its launch to the first answer
	ended   chan struct{} // closed when the process is gone
	err     error         // how it went
}

// saidFile keeps what the service says once: the administrator's password.
const saidFile = "said"

// patience is how long anything may take that should take a moment.
const patience = 2 * time.Minute

// login gets a token of the service that was started.
type login func(ctx context.Context, s *service, dir string) error

// site is where services run: the program, and who knows the users.
type site struct {
	program string
	args    []string
	env     []string
	login   login
}

// embedded is the site of a service that knows its users itself.
func embedded(program string) site {
	return site{program: program, login: func(ctx context.Context, s *service, dir string) error { return s.login(ctx, dir) }}
}

// serve starts the program on the state in dir and waits until it answers.
func (o site) serve(ctx context.Context, dir string) (*service, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := append([]string{"serve", "--drivers", "k8s_sim", "--state", filepath.Join(dir, "state"), "--bundles", filepath.Join(dir, "bundles"),
		"--listen", address, "--cluster-quota", "1000000"}, o.args...)
	s := &service{target: target{address: address}, ended: make(chan struct{}), cmd: exec.CommandContext(ctx, o.program, args...)}
	s.cmd.Env = append(os.Environ(), o.env...)
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.Stderr = log
	said, err := os.OpenFile(filepath.Join(dir, saidFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer said.Close()
	s.cmd.Stdout = said
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process, for which stop waits
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	if err := s.untilServing(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.started = time.Since(began)
	if err := o.login(ctx, s, dir); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (s *service) untilServing(ctx context.Context) error {
	return until(ctx, time.Millisecond, func() (bool, error) {
		select {
		case <-s.ended:
			return false, errors.New("the service ended at once; see its log")
		default:
		}
		answer, err := http.Get("http://" + s.address + "/healthcheck")
		if err != nil {
			return false, nil
		}
		return answer.StatusCode == http.StatusOK, answer.Body.Close()
	})
}

// until asks again and again whether something is so.
func until(ctx context.Context, every time.Duration, so func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if ok, err := so(); ok || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// stop ends the service in good order.
func (s *service) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.ended
	return s.err
}

// login gets a token as the administrator.
func (s *service) login(ctx context.Context, dir string) error {
	said, err := os.ReadFile(filepath.Join(dir, saidFile))
	if err != nil {
		return err
	}
	_, password, _ := strings.Cut(string(said), "admin password: ")
	body := fmt.Sprintf(`{"auth": {"identity": {"methods": ["password"], "password": {"user":
		{"name": "admin", "domain": {"id": "default"}, "password": %q}}},
		"scope": {"project": {"name": "admin", "domain": {"id": "default"}}}}}`, strings.TrimSpace(password))
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.address+"/identity/v3/auth/tokens", strings.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if s.token = answer.Header.Get("X-Subject-Token"); s.token == "" {
		return fmt.Errorf("log in: %s", answer.Status)
	}
	return nil
}

// call sends one request that is not measured and reads the answer into out.
func (t target) call(ctx context.Context, method, path, body string, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+t.address+path, bytes.NewBufferString(body))
	if err != nil {
		return err
	}
	r.Header.Set("X-Auth-Token", t.token)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= http.StatusBadRequest {
		return errors.Join(err, fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}
