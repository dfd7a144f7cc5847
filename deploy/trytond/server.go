//go:build linux

package trytond

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/orderbridge/orderbridge/deploy/pgcluster/tether"
)

const (
	startPatience = 3 * time.Minute // on a busy machine
	stopPatience  = 15 * time.Second
)

// Options are how a server is started.
type Options struct {
	Dir      string // for its configuration and its log
	Database string // URL of its PostgreSQL database
	Port     int    // of 127.0.0.1
}

// ConfigFile is the server's configuration, for programs that work on its database.
func (o Options) ConfigFile() string { return filepath.Join(o.Dir, "trytond.conf") }

// Log is what the server says, over all starts.
func (o Options) Log() string { return filepath.Join(o.Dir, "tryton.log") }

// Name is the database's name.
func (o Options) Name() string {
	u, err := url.Parse(o.Database)
	if err != nil {
		return "" // configure has said so
	}
	return strings.TrimPrefix(u.Path, "/")
}

// URL is the server's address.
func (o Options) URL() *url.URL {
	return &url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", fmt.Sprint(o.Port)), Path: "/"}
}

// configure writes the server's configuration.
func (o Options) configure(pages string) error {
	u, err := url.Parse(o.Database)
	if err != nil {
		return err
	}
	server := url.URL{Scheme: "postgresql", User: u.User, Host: u.Host, Path: "/"}
	text := fmt.Sprintf("[database]\nuri = %s\n[web]\nlisten = 127.0.0.1:%d\n", strings.ReplaceAll(server.String(), "%", "%%"), o.Port)
	if pages != "" {
		text += "root = " + pages + "\n"
	}
	return os.WriteFile(o.ConfigFile(), []byte(text), 0o600)
}

// Server is a running server.
type Server struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid after done
}

// Start starts a server on a filled database, and waits until it answers.
func (i *Installation) Start(ctx context.Context, o Options) (*Server, error) {
	if err := o.configure(i.pages); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(o.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	s := &Server{cmd: exec.Command(Python, "-W", "ignore", i.server, "-c", o.ConfigFile(), "-d", o.Name()), done: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := errors.Join(tether.Start(s.cmd, syscall.SIGKILL), log.Close()); err != nil {
		return nil, err
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	if err := s.awaitReady(ctx, o); err != nil {
		return nil, errors.Join(err, s.Kill())
	}
	return s, nil
}

// awaitReady waits until the server answers.
func (s *Server) awaitReady(ctx context.Context, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.URL().String(), nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			return resp.Body.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server of Tryton does not answer (see %s): %w", o.Log(), err)
		case <-s.done:
			return fmt.Errorf("the server of Tryton ended while it started (see %s): %w", o.Log(), s.err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// PID is the process number.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Done is closed when the process has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err waits for the end of the process and returns how it ended.
func (s *Server) Err() error {
	<-s.done
	return s.err
}

// Stop asks the process to end, and kills it when it does not.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.done:
		return nil
	case <-time.After(stopPatience):
		return s.Kill()
	}
}

// Kill ends the process at once.
func (s *Server) Kill() error {
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.done
	return nil
}
