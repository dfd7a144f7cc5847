//go:build linux

package pgcluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/orderbridge/orderbridge/deploy/pgcluster/tether"
)

var errPortTaken = errors.New("the port is taken")

func (c *Cluster) data() string { return filepath.Join(c.folder, dataName) }

// prepare leaves data that the server can start with and that know the password.
func (c *Cluster) prepare(ctx context.Context) error {
	var err error
	if c.who, err = account(c.folder); err != nil {
		return err
	}
	if c.who != nil {
		if err := c.lock.Chown(int(c.who.Uid), int(c.who.Gid)); err != nil {
			return err
		}
	}
	secret, err := verifier(c.options.Password)
	if err != nil {
		return err
	}
	if _, err := os.Stat(c.data()); errors.Is(err, os.ErrNotExist) {
		return c.initialize(ctx, secret)
	} else if err != nil {
		return err
	}
	if err := c.dropForeignPIDFile(); err != nil {
		return err
	}
	alter := fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'\n", superuser, secret)
	err = c.run(ctx, alter, "postgres", "--single", "-D", c.forServer(dataName), "-c", "exit_on_error=on", "postgres")
	if err != nil {
		return fmt.Errorf("set the password of the data in %s: %w", c.folder, err)
	}
	return nil
}

// initialize makes new data. They get their name only when they are whole: an initdb that was killed
// leaves nothing that looks like a cluster.
func (c *Cluster) initialize(ctx context.Context, secret string) error {
	fresh := filepath.Join(c.folder, unfinished)
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	file := filepath.Join(c.folder, verifierName)
	if err := c.writeForServer(file, secret); err != nil {
		return err
	}
	args := []string{
		"-D", c.forServer(unfinished), "-U", superuser, "-A", "scram-sha-256", "--pwfile", c.forServer(verifierName),
		"-E", "UTF8", "--locale=C",
	}
	if !c.options.Durable {
		args = append(args, "--no-sync")
	}
	if err := c.run(ctx, "", "initdb", args...); err != nil {
		return err
	}
	return errors.Join(os.Remove(file), os.Rename(fresh, c.data()))
}

// writeForServer writes a file that the server's user, and nobody else, can read. The folder is that
// user's: what lies there already is not followed.
func (c *Cluster) writeForServer(path, text string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if c.who != nil {
		err = f.Chown(int(c.who.Uid), int(c.who.Gid))
	}
	if err == nil {
		_, err = f.WriteString(text)
	}
	return errors.Join(err, f.Close())
}

// run runs one of PostgreSQL's programs to its end; what it said is in the error.
func (c *Cluster) run(ctx context.Context, input, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, program), args...)
	c.equip(cmd)
	cmd.Stdin = strings.NewReader(input)
	return tether.Run(cmd, syscall.SIGKILL)
}

// equip gives a child the account, the bare environment and the folder's lock. It starts in the root
// folder, which everybody may enter.
func (c *Cluster) equip(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.who}
	cmd.Dir = "/"
	cmd.Env = environment(c.bin)
	cmd.ExtraFiles = []*os.File{c.lock}
}

// forServer is the path by which the server finds what is in its folder. Another user's server may
// not be able to pass the folders above, as /root: it goes through the lock that it inherits, which is
// the folder, open. That grants what working in a folder does: the folder, and through its .. what is
// open to everybody between it and the closed one.
func (c *Cluster) forServer(name string) string {
	if c.who == nil {
		return filepath.Join(c.folder, name)
	}
	const lockFD = 3 // where equip puts it
	return fmt.Sprintf("/proc/self/fd/%d/%s", lockFD, name)
}

func (c *Cluster) arguments() []string {
	args := []string{"-D", c.forServer(dataName), "-p", strconv.Itoa(c.port)}
	set := map[string]string{"listen_addresses": host, "unix_socket_directories": ""}
	if !c.options.Durable {
		maps.Copy(set, map[string]string{
			"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
			"max_connections": "200",   // packages test in parallel, each test with a pool
			"autovacuum":      "off",   // it would be in the way of cloning a template
			"max_wal_size":    "128MB", // it may lie in memory
		})
	}
	maps.Copy(set, c.options.Settings)
	for _, name := range slices.Sorted(maps.Keys(set)) {
		args = append(args, "-c", name+"="+set[name])
	}
	return args
}

// openLog opens the server's log. The folder is the server's: nothing there may lead us elsewhere.
func (c *Cluster) openLog() (*os.File, error) {
	return os.OpenFile(filepath.Join(c.folder, logName), os.O_CREATE|os.O_RDWR|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
}

// tail is the end of what the log says since before, as an error, for a server that did not start.
func (c *Cluster) tail(log *os.File, before int64) error {
	size, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.NewSectionReader(log, max(before, size-tailBytes), tailBytes))
	if err != nil {
		return err
	}
	if text = lastOf(text); bytes.Contains(text, []byte("could not create any TCP/IP sockets")) {
		return fmt.Errorf("%w: %d\n%s", errPortTaken, c.port, text)
	}
	return errors.New(string(text))
}

const tailBytes = 2000

func lastOf(text []byte) []byte {
	return bytes.TrimSpace(text[max(0, len(text)-tailBytes):])
}
