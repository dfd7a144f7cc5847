//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWire tries what the wire does to bytes, because a fault that does nothing makes every test pass.
func TestWire(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go func() {
				for lines := bufio.NewScanner(c); lines.Scan(); {
					_, _ = fmt.Fprintf(c, "%s!\n", lines.Text())
				}
				_ = c.Close()
			}()
		}
	}()
	w := startWire(t, server.Addr().String())
	dial := func() (net.Conn, *bufio.Reader) {
		c, err := net.Dial("tcp", w.addr)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c, bufio.NewReader(c)
	}
	ask := func(c net.Conn, from *bufio.Reader, patience time.Duration) (string, error) {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
		if _, err := fmt.Fprintln(c, "hello"); err != nil {
			return "", err
		}
		return from.ReadString('\n')
	}
	c, from := dial()
	answer, err := ask(c, from, time.Minute)
	require.NoError(t, err)
	require.Equal(t, "hello!\n", answer)

	w.stall()
	_, err = ask(c, from, 100*time.Millisecond)
	require.ErrorContains(t, err, "timeout")
	w.heal()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
	answer, err = from.ReadString('\n')
	require.NoError(t, err, "the connection lives on")
	require.Equal(t, "hello!\n", answer)

	w.tear(3)
	answer, err = ask(c, from, time.Minute)
	require.Error(t, err)
	require.Equal(t, "hel", answer)

	c, from = dial()
	_, err = ask(c, from, time.Minute)
	require.NoError(t, err)
	w.refuse()
	_, err = ask(c, from, time.Minute)
	require.Error(t, err)
	c, from = dial()
	_, err = ask(c, from, time.Minute)
	require.Error(t, err, "a new connection")
	w.heal()
	c, from = dial()
	_, err = ask(c, from, time.Minute)
	require.NoError(t, err)
}
