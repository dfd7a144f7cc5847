package observability

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is for a machine whose cores are all taken.
const patience = 5 * time.Minute

// sides are a running `orderbridge demo` whose side b is a connector.
type sides struct {
	t   *testing.T
	dir string
	env map[string]string // of demo.env
}

// startSides builds the program of this tree and starts it.
func startSides(t *testing.T) *sides {
	dir := t.TempDir()
	program := filepath.Join(dir, "orderbridge")
	build := exec.Command("go", "build", "-ldflags", "-X github.com/orderbridge/orderbridge/settings.commit=0a1b2c3", "-o", program, ".")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	log, err := os.Create(filepath.Join(dir, "demo.log"))
	require.NoError(t, err)
	demo := exec.Command(program, "demo", "--with-shop", "--seed", "6", "--dir", filepath.Join(dir, "demo"), "--port-base", strconv.Itoa(freePorts(t)))
	demo.Stdout, demo.Stderr = log, log
	demo.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	runtime.LockOSThread() // for the signal: it comes at the end of the thread that starts the child
	require.NoError(t, demo.Start())
	t.Cleanup(func() {
		_ = demo.Process.Signal(syscall.SIGTERM)
		_ = demo.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s", text)
		}
	})
	s := &sides{t: t, dir: dir}
	s.await("the demo is ready", func() bool {
		text, err := os.ReadFile(log.Name())
		return err == nil && strings.Contains(string(text), "ready; Ctrl-C")
	})
	s.await("both sides have proved that they are equal", func() bool {
		s.readEnv()
		for _, tg := range s.targets() {
			body, _, err := fetch(tg.url, tg.token)
			if err != nil || tg.job == "orderbridge-service" && !strings.Contains(string(body), "\norderbridge_proved_equal_age_seconds{") {
				return false
			}
		}
		return true
	})
	return s
}

func (s *sides) await(what string, happened func() bool) {
	s.t.Helper()
	require.Eventually(s.t, happened, patience, 200*time.Millisecond, what)
}

// freePorts finds a base whose ports nobody has.
func freePorts(t *testing.T) int {
	for range 100 {
		base := 20000 + 200*rand.IntN(50)
		free := true
		for _, offset := range []int{0, 10, 11, 20, 100, 110, 111, 120, 130} {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+offset))
			if err != nil {
				free = false
				break
			}
			require.NoError(t, l.Close())
		}
		if free {
			return base
		}
	}
	require.FailNow(t, "no free ports")
	return 0
}

// readEnv reads demo.env again, whose process numbers change when a process is started again.
func (s *sides) readEnv() {
	s.env = map[string]string{}
	for line := range strings.Lines(string(readFile(s.t, filepath.Join(s.dir, "demo", "demo.env")))) {
		name, value, found := strings.Cut(strings.TrimSpace(line), "=")
		if found && !strings.HasPrefix(name, "#") {
			s.env[name] = strings.Trim(value, "'")
		}
	}
}

func (s *sides) targets() (all []target) {
	for _, side := range []string{"a", "b"} {
		prefix := strings.ToUpper(side) + "_"
		all = append(all,
			target{"orderbridge-service", "orders-" + side, side, s.env[prefix+"URL"] + "/metrics", s.env[prefix+"METRICS_TOKEN"]},
			target{"orderbridge-bridge", "bridge-" + side, side, s.env[prefix+"BRIDGE_URL"] + "/metrics", s.env[prefix+"METRICS_TOKEN"]})
	}
	return all
}

// call sends a request of a client to side a.
func (s *sides) call(method, path, body string) (status int, answer []byte) {
	req, err := http.NewRequest(method, s.env["A_URL"]+path, strings.NewReader(body))
	require.NoError(s.t, err)
	req.Header.Set("Authorization", "Bearer "+s.env["A_CLIENT_TOKEN"])
	req.Header.Set("If-Match", "*")
	req.Header.Set("Content-Type", "application/merge-patch+json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	answer = make([]byte, 1<<20)
	n, _ := res.Body.Read(answer)
	return res.StatusCode, answer[:n]
}

// edit changes an order, which the bridges carry to the other side and the connector to the shop.
func (s *sides) edit(round int) {
	status, page := s.call(http.MethodGet, "/orders?limit=1", "")
	require.Equal(s.t, http.StatusOK, status)
	var found struct{ Orders []struct{ ID string } }
	require.NoError(s.t, json.Unmarshal(page, &found))
	require.NotEmpty(s.t, found.Orders)
	status, answer := s.call(http.MethodPatch, "/orders/"+found.Orders[0].ID, fmt.Sprintf(`{"customerNote":"round %d"}`, round))
	require.Equal(s.t, http.StatusOK, status, "%s", answer)
}

// failDatabase kills the database of side a until a request fails, and waits until the demo has started it again.
func (s *sides) failDatabase() {
	s.await("a request fails without the database", func() bool {
		s.readEnv()
		pid, err := strconv.Atoi(s.env["A_POSTGRES_PID"])
		require.NoError(s.t, err)
		_ = syscall.Kill(pid, syscall.SIGKILL)
		for range 20 {
			if status, _ := s.call(http.MethodGet, "/orders?limit=1", ""); status >= 500 {
				return true
			}
		}
		return false
	})
	s.await("the database is back", func() bool {
		status, _ := s.call(http.MethodGet, "/orders?limit=1", "")
		return status == http.StatusOK
	})
}
