//go:build linux

package pgcluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/deploy/pgcluster/tether"
)

const (
	host      = "127.0.0.1"
	superuser = "orders"

	pollEvery = 10 * time.Millisecond
)

// Options of a cluster; the zero value is a throwaway one on any free port.
type Options struct {
	Dir      string            // the cluster's folder, gone on with or made; empty: a throwaway one, removed by Stop
	Port     int               // 0: any free port
	Password string            // of the user orders; empty: a random one
	Durable  bool              // PostgreSQL's own defaults; else fast, and lost when the machine goes down
	Settings map[string]string // further server settings, which win
}

// Cluster is a running PostgreSQL server with its data.
type Cluster struct {
	options Options
	bin     string
	folder  string
	lock    *os.File
	who     *syscall.Credential // runs the server; nil: ourselves
	port    int

	server *exec.Cmd
	done   chan struct{}
	ended  error // valid after done

	stop    sync.Once
	stopErr error
}

// Start makes a cluster, or goes on with the one in Dir, and returns when it accepts connections.
// ctx bounds the start only.
func Start(ctx context.Context, o Options) (_ *Cluster, err error) {
	c := &Cluster{options: o, done: make(chan struct{})}
	if c.bin, err = Binaries(); err != nil {
		return nil, err
	}
	if o.Password == "" {
		c.options.Password = rand.Text() + rand.Text() // 260 bits
	}
	if o.Dir == "" {
		sweep()
		c.folder, c.lock, err = tempFolder()
	} else {
		c.folder, c.lock, err = openFolder(ctx, o.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL's folder: %w", err)
	}
	if err = c.prepare(ctx); err == nil {
		err = c.launch(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.release())
	}
	return c, nil
}

// launch starts the server. Without a given port it tries another one when somebody else was quicker.
func (c *Cluster) launch(ctx context.Context) error {
	const triesMax = 5
	for try := 1; ; try++ {
		if c.port = c.options.Port; c.port == 0 {
			var err error
			if c.port, err = freePort(); err != nil {
				return err
			}
		}
		err := c.launchOnce(ctx)
		if errors.Is(err, errPortTaken) && c.options.Port == 0 && try < triesMax {
			continue
		}
		return err
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (c *Cluster) launchOnce(ctx context.Context) error {
	log, err := c.openLog()
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // only read here; the server has its own copy
	before, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(c.bin, "postgres"), c.arguments()...)
	c.equip(cmd)
	cmd.Stdout, cmd.Stderr = log, log
	if err := tether.Start(cmd, syscall.SIGQUIT); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if err := c.awaitReady(ctx, cmd.Process, ended); err != nil {
		return errors.Join(err, c.tail(log, before))
	}
	c.server = cmd
	go func() {
		c.ended = <-ended
		// From here on only backends that are still busy hold the lock.
		c.ended = errors.Join(c.ended, c.lock.Close())
		close(c.done)
	}()
	return nil
}

// awaitReady reads the status that the server keeps in its pid file, as pg_ctl does.
func (c *Cluster) awaitReady(ctx context.Context, server *os.Process, ended chan error) error {
	for {
		if file, err := readPIDFile(c.data()); err == nil && file.pid == server.Pid && file.status == "ready" {
			return nil
		}
		select {
		case err := <-ended:
			return fmt.Errorf("postgres ended while it started: %v", err)
		case <-ctx.Done():
			err := fmt.Errorf("start postgres: %w", context.Cause(ctx))
			return errors.Join(err, endProcess(server, ended, syscall.SIGQUIT))
		case <-time.After(pollEvery):
		}
	}
}

// URL is the address of a database, with user and password.
func (c *Cluster) URL(database string) string {
	o := c.options
	o.Port = c.port
	return o.URL(database)
}

// URL is the address that a database of a cluster with the given port and password has.
func (o Options) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, o.Password),
		Host:     net.JoinHostPort(host, strconv.Itoa(o.Port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// CreateDatabase makes a database unless there is one of that name.
func (c *Cluster) CreateDatabase(ctx context.Context, name string) (err error) {
	conn, err := pgx.Connect(ctx, c.URL("postgres"))
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists); err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	return err
}

// Port is where the server listens on 127.0.0.1.
func (c *Cluster) Port() int { return c.port }

// PID is the server's first process, the postmaster.
func (c *Cluster) PID() int { return c.server.Process.Pid }

// Done is closed when the server has ended, by Stop or by itself.
func (c *Cluster) Done() <-chan struct{} { return c.done }

// Err waits for the end of the server and tells how it ended: nil when it was asked to.
func (c *Cluster) Err() error {
	<-c.done
	return c.ended
}

// Stop ends the server in an orderly way, by force when that takes too long, and returns when it is
// gone. A throwaway cluster is removed.
func (c *Cluster) Stop() error {
	c.stop.Do(func() {
		signals := []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT}
		if c.options.Dir == "" {
			signals = signals[1:] // nobody needs its last checkpoint
		}
		c.stopErr = endProcess(c.server.Process, c.done, signals...)
		if c.options.Dir == "" {
			c.stopErr = errors.Join(c.stopErr, os.RemoveAll(c.folder))
		}
	})
	return c.stopErr
}

// release gives up a cluster that did not start.
func (c *Cluster) release() error {
	var err error
	if c.options.Dir == "" {
		err = os.RemoveAll(c.folder)
	}
	return errors.Join(err, c.lock.Close())
}

// endProcess sends one signal after the other, in the end SIGKILL, each with some time to work.
func endProcess[T any](p *os.Process, ended <-chan T, signals ...syscall.Signal) error {
	const patience = 8 * time.Second
	for _, sig := range append(signals, syscall.SIGKILL) {
		select {
		case <-ended:
			return nil
		default:
		}
		if err := p.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop postgres: %w", err)
		}
		select {
		case <-ended:
			return nil
		case <-time.After(patience):
		}
	}
	return fmt.Errorf("postgres, process %d, does not end", p.Pid)
}
