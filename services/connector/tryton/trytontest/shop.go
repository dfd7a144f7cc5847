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
	"os"
	"os/exec"
	"path"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/orderbridge/orderbridge/deploy/pgcluster/pgtest"
	"github.com/orderbridge/orderbridge/deploy/pgcluster/tether"
	"github.com/orderbridge/orderbridge/deploy/trytond"
	"github.com/orderbridge/orderbridge/services/connector/tryton"
)

// The products of a Shop, by their codes: a lamp for 49.90 and a bulb for 4.50 with a tax of 19 %, a book for 20 with 7 %.
const (
	Lamp = "LAMP-1"
	Bulb = "BULB-2"
	Book = "BOOK-3"
)

//go:embed scripts/*.py
var scripts embed.FS

// Shop is a running Tryton server.
type Shop struct {
	Database string // URL of its database, to look behind the server's back

	programs *trytond.Installation
	server   *trytond.Server
	options  trytond.Options

	mu     sync.Mutex // one thing at a time
	person *person
}

// Start runs a server with a filled database until the test ends.
func Start(t testing.TB) *Shop {
	t.Helper()
	programs, err := trytond.Find()
	if err != nil {
		t.Fatal(err)
	}
	s := &Shop{programs: programs}
	s.Database = pgtest.Template(t, "tryton", func(database string) error { return programs.Fill(context.Background(), database) })
	s.options = trytond.Options{Dir: t.TempDir(), Database: s.Database}
	if s.options.Port, err = freePort(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.person.stop()
		if err := s.halt(); err != nil {
			t.Errorf("stop Tryton: %v", err)
		}
		if t.Failed() {
			log, _ := os.ReadFile(s.options.Log())
			t.Logf("end of Tryton's log:\n%s", log[max(0, len(log)-4000):])
		}
	})
	s.Restart(t)
	return s
}

// Options are how the adapter reaches the server.
func (s *Shop) Options() tryton.Options {
	return tryton.Options{URL: s.options.URL().String(), Database: s.options.Name(), User: trytond.ConnectorLogin, Password: trytond.FirstPassword}
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
	var err error
	if s.server, err = s.programs.Start(context.Background(), s.options); err != nil {
		t.Fatal(err)
	}
}

func (s *Shop) halt() error {
	if s.server == nil {
		return nil
	}
	server := s.server
	s.server = nil
	return server.Kill()
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// conversation is a running script that reads lines and answers each with one.
type conversation struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	errors bytes.Buffer
}

func (s *Shop) converse(name string, env ...string) (*conversation, error) {
	text, err := scripts.ReadFile(path.Join("scripts", name))
	if err != nil {
		return nil, err
	}
	cmd, err := trytond.Script(context.Background(), s.options.Dir, name, text, env...)
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
