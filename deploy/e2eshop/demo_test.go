//go:build linux

package e2eshop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/deploy/pgcluster/tether"
	"github.com/orderbridge/orderbridge/deploy/trytond"
)

// said is what a process printed so far.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// freeBase finds ports for a demo, below those that the kernel gives to connections.
func freeBase(t *testing.T) string {
	t.Helper()
	for range 100 {
		base := 14_000 + rand.IntN(90)*200
		free := true
		for _, port := range []int{0, 10, 11, 20, 100, 110, 111, 120, 130} {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+port))
			if free = free && err == nil; err == nil {
				require.NoError(t, l.Close())
			}
		}
		if free {
			return strconv.Itoa(base)
		}
	}
	require.FailNow(t, "no free ports")
	return ""
}

// TestDemo starts the demo with Tryton behind side b, and edits a sale by the script that it offers to people.
func TestDemo(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o711)) // PostgreSQL, which may run as another user, passes through it
	require.NoError(t, os.Chmod(dir, 0o711))
	program := filepath.Join(dir, "orderbridge")
	out, err := exec.Command("go", "build", "-o", program, "../..").CombinedOutput()
	require.NoError(t, err, "%s", out)
	folder := filepath.Join(dir, "demo")
	demo, text := exec.Command(program, "demo", "--with-shop=tryton", "--dir", folder, "--port-base", freeBase(t), "--seed", "2"), &said{}
	demo.Stdout, demo.Stderr = text, text
	require.NoError(t, tether.Start(demo, syscall.SIGKILL))
	ended := make(chan error, 1)
	go func() { ended <- demo.Wait() }()
	t.Cleanup(func() {
		_ = demo.Process.Kill() // it ended where the test went well
		if t.Failed() {
			t.Logf("the demo printed:\n%s", text)
		}
	})
	await := func(what string, condition func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Minute); !condition(); time.Sleep(100 * time.Millisecond) {
			select {
			case err := <-ended:
				require.FailNow(t, "the demo ended", "%v", err)
			default:
			}
			require.True(t, time.Now().Before(deadline), what)
		}
	}
	await("all is up", func() bool { return strings.Contains(text.String(), "Ctrl-C here ends the demo") })
	list := exec.Command("env", "-i", "sh", "-euc", `set -a; . "$1"; env`, "sh", filepath.Join(folder, "demo.env"))
	variables, err := list.Output()
	require.NoError(t, err)
	env := map[string]string{}
	for line := range strings.Lines(string(variables)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	require.Contains(t, text.String(), env["TRYTON_URL"])

	at := func(note string) (id string, all int) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, env["A_URL"]+"/orders", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+env["A_CLIENT_TOKEN"])
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return "", 0
		}
		defer resp.Body.Close()
		var page contracts.OrderPage
		if json.NewDecoder(resp.Body).Decode(&page) != nil {
			return "", 0
		}
		for _, o := range page.Orders {
			if o.CustomerNote == note {
				id = o.ID
			}
		}
		return id, len(page.Orders)
	}
	await("the sales are at side a", func() bool {
		_, all := at("")
		return all == 2
	})
	sale := exec.Command(trytond.Python, "-W", "ignore", filepath.Join(folder, "tryton", "sale.py"), "comment", "1", "by a person")
	sale.Env = append(os.Environ(), strings.Split(strings.TrimSpace(string(variables)), "\n")...)
	out, err = sale.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "by a person")
	await("the edit is at side a", func() bool {
		id, _ := at("by a person")
		return id != ""
	})
	require.NoError(t, demo.Process.Signal(syscall.SIGINT))
	require.NoError(t, <-ended)
}
