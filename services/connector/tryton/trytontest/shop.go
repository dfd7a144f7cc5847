//go:build linux

package trytontest

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/orderbridge/orderbridge/deploy/pgcluster/pgtest"
	"github.com/orderbridge/orderbridge/deploy/pgcluster/tether"
	"github.com/orderbridge/orderbridge/services/connector/tryton"
)

// The products of a Shop, by their codes: a lamp for 49.90 and a bulb for 4.50 with a tax of 19 %, a book for 20 with 7 %.
const (
	Lamp = "LAMP-1"
	Bulb = "BULB-2"
	Book = "BOOK-3"
)

const (
	connectorLogin = "connector"
	clerkLogin     = "clerk"
	password       = "k7Qw2-mZp9Lx-rTv4" // Tryton wants many different characters
	patience       = 3 * time.Minute     // for anything, on a busy machine
)

//go:embed scripts/*.py
var scripts embed.FS

// Shop is a running Tryton server.
type Shop struct {
	Database string // URL of its database, to look behind the server's back

	dir    string
	name   string // of the database
	port   int
	log    string
	server *exec.Cmd

	mu     sync.Mutex // one thing at a time
	person *person
}

// Start runs a server with a filled database until the test ends.
func Start(t testing.TB) *Shop {
	t.Helper()
	program, admin, err := find()
	if err != nil {
		t.Fatal(err)
	}
	s := &Shop{dir: t.TempDir()}
	s.Database = pgtest.Template(t, "tryton", func(database string) error { return fill(admin, database) })
	if s.name, err = configure(s.dir, s.Database, &s.port); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.person.stop()
		if err := s.halt(); err != nil {
			t.Errorf("stop Tryton: %v", err)
		}
		if t.Failed() {
			log, _ := os.ReadFile(s.log)
			t.Logf("end of Tryton's log:\n%s", log[max(0, len(log)-4000):])
		}
	})
	s.run(t, program)
	return s
}

// Options are how the adapter reaches the server.
func (s *Shop) Options() tryton.Options {
	return tryton.Options{URL: s.address().String(), Database: s.name, User: connectorLogin, Password: password}
}

func (s *Shop) address() *url.URL {
	return &url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", fmt.Sprint(s.port)), Path: "/"}
}

// Stop stops the server, until Restart.
func (s *Shop) Stop(t testing.TB) {
	t.Helper()
	s.person.stop()
	s.person = nil
	if err := s.halt(); err != nil {
		t.Fatal(err)
	}
}

// Restart starts the server again, where it was.
func (s *Shop) Restart(t testing.TB) {
	t.Helper()
	program, _, err := find()
	if err != nil {
		t.Fatal(err)
	}
	s.run(t, program)
}

func (s *Shop) run(t testing.TB, program string) {
	t.Helper()
	s.log = filepath.Join(s.dir, "tryton.log")
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // the server has its own copy
	s.server = exec.Command(python, "-W", "ignore", program, "-c", configFile(s.dir), "-d", s.name)
	s.server.Stdout, s.server.Stderr = log, log
	if err := tether.Start(s.server, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(s.address().String())
		if err == nil {
			_ = resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(s.log)
			t.Fatalf("Tryton does not answer: %v\n%s", err, text)
		}
	}
}

func (s *Shop) halt() error {
	if s.server == nil {
		return nil
	}
	server := s.server
	s.server = nil
	if err := server.Process.Kill(); err != nil {
		return err
	}
	var exit *exec.ExitError
	if err := server.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	return nil
}

func configFile(dir string) string { return filepath.Join(dir, "trytond.conf") }

// configure writes the server's configuration for a database and returns the database's name. A port is chosen unless
// there is one.
func configure(dir, database string, port *int) (name string, err error) {
	u, err := url.Parse(database)
	if err != nil {
		return "", err
	}
	name = strings.TrimPrefix(u.Path, "/")
	if *port == 0 {
		if *port, err = freePort(); err != nil {
			return "", err
		}
	}
	server := url.URL{Scheme: "postgresql", User: u.User, Host: u.Host, Path: "/"}
	text := fmt.Sprintf("[database]\nuri = %s\n[web]\nlisten = 127.0.0.1:%d\n", strings.ReplaceAll(server.String(), "%", "%%"), *port)
	return name, os.WriteFile(configFile(dir), []byte(text), 0o600)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// script makes the command of one of the Python scripts.
func script(ctx context.Context, dir, name string, env ...string) (*exec.Cmd, error) {
	text, err := scripts.ReadFile(path.Join("scripts", name))
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, python, "-W", "ignore", file)
	cmd.Env = append(os.Environ(), env...)
	return cmd, nil
}

// conversation is a running script that reads lines and answers each with one.
type conversation struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	errors bytes.Buffer
}

func (s *Shop) converse(name string, env ...string) (*conversation, error) {
	cmd, err := script(context.Background(), s.dir, name, env...)
	if err != nil {
		return nil, err
	}
	c := &conversation{cmd: cmd}
	if c.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out, cmd.Stderr = bufio.NewReader(out), &c.errors
	return c, tether.Start(cmd, syscall.SIGKILL)
}

// say sends a value as a line and returns the line that answers it.
func (c *conversation) say(v any) (string, error) {
	if err := json.NewEncoder(c.in).Encode(v); err != nil {
		return "", err
	}
	return c.hear()
}

func (c *conversation) hear() (string, error) {
	line, err := c.out.ReadString('\n')
	if err != nil {
		return "", errors.Join(err, c.end())
	}
	return strings.TrimSpace(line), nil
}

// end ends the script. What it wrote to its standard error is in the error.
func (c *conversation) end() error {
	_ = c.in.Close() // it may have ended
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("%w\n%s", err, c.errors.Bytes())
	}
	return nil
}
