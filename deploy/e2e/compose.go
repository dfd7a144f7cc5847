//go:build linux

package e2e

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// composed is the sides of deploy/compose.yaml, under a project name, with secrets and on ports of
// their own.
type composed struct {
	*pair
	dir     string
	base    int    // the first of its ports
	secrets string // the folder
	project string
	compose []string // the program and its arguments, up to the command
	env     []string
}

const (
	composePatience = 15 * time.Minute // the first build fetches and compiles everything
	healthPatience  = 2 * time.Minute
)

// startComposed builds the image and starts what the files of deploy/ describe.
func startComposed(t *testing.T, files ...string) *composed {
	t.Helper()
	c := newComposed(t, files...)
	c.clear(t)
	c.up(t, "--build")
	return c
}

// newComposed is startComposed without the start.
func newComposed(t *testing.T, files ...string) *composed {
	t.Helper()
	c := &composed{pair: newPair(func() bool { return false }), dir: dataDir(t), base: freeBase(t)}
	c.project = strings.ToLower("orderbridge-e2e-" + t.Name())
	c.secrets = filepath.Join(c.dir, "secrets")
	c.env = append(os.Environ(),
		"COMPOSE_PROJECT_NAME="+c.project, "SECRETS_DIR="+c.secrets, "ORDERBRIDGE_IMAGE=orderbridge:e2e",
		fmt.Sprintf("A_PORT=%d", c.base), fmt.Sprintf("A_NATS_PORT=%d", c.base+20),
		fmt.Sprintf("B_PORT=%d", c.base+100), fmt.Sprintf("B_NATS_PORT=%d", c.base+120))
	c.compose = composeCommand()
	for _, f := range files {
		c.compose = append(c.compose, "-f", filepath.Join("..", f))
	}
	c.must(t, time.Minute, "../secrets.sh")
	env := shellVariables(t, filepath.Join(c.secrets, "compose.env"))
	c.a.learn(env)
	c.b.learn(env)
	return c
}

// composeCommand is Compose as it is installed, the plugin or the older program.
func composeCommand() []string {
	if exec.Command("docker", "compose", "version").Run() == nil {
		return []string{"docker", "compose"}
	}
	return []string{"docker-compose"}
}

// setenv sets a variable that the files see.
func (c *composed) setenv(name, value string) { c.env = append(c.env, name+"="+value) }

// clear removes what a run that was killed left, and everything once the test ends.
func (c *composed) clear(t *testing.T) {
	t.Helper()
	c.do(t, "down", "--volumes", "--remove-orphans")
	t.Cleanup(func() { c.remove(t) })
}

// up starts what is not running, and waits until all containers are healthy.
func (c *composed) up(t testing.TB, flags ...string) {
	t.Helper()
	c.do(t, append([]string{"up", "--detach"}, flags...)...)
	c.awaitHealthy(t)
}

// do runs a command of Compose.
func (c *composed) do(t testing.TB, args ...string) string {
	t.Helper()
	t.Logf("%s  compose %s", clock(), strings.Join(args, " "))
	return c.must(t, composePatience, append(slices.Clone(c.compose), args...)...)
}

// docker runs a command of the engine.
func (c *composed) docker(t testing.TB, args ...string) string {
	t.Helper()
	t.Logf("%s  docker %s", clock(), strings.Join(args, " "))
	return c.must(t, time.Minute, append([]string{"docker"}, args...)...)
}

// must runs a program and returns what it prints.
func (c *composed) must(t testing.TB, patience time.Duration, args ...string) string {
	t.Helper()
	text, err := c.try(patience, args...)
	require.NoError(t, err)
	return text
}

func (c *composed) try(patience time.Duration, args ...string) (string, error) {
	var out, errs strings.Builder
	cmd := exec.Command("timeout", append([]string{"--kill-after=10", fmt.Sprint(patience.Seconds())}, args...)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = c.env, &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// containers are the ids of all containers of a service, of all services where there is no name.
func (c *composed) containers(t testing.TB, service string) []string {
	t.Helper()
	args := []string{"docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", "label=com.docker.compose.project=" + c.project}
	if service != "" {
		args = append(args, "--filter", "label=com.docker.compose.service="+service)
	}
	ids := strings.Fields(c.must(t, time.Minute, args...))
	require.NotEmpty(t, ids, "containers of %s", service)
	return ids
}

// health is the state of each container, by name: healthy, or what else. One that did its work and
// ended is healthy, and so is the simulated shop while it runs.
func (c *composed) health(t testing.TB) map[string]string {
	t.Helper()
	const format = `{{.Name}} {{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} {{.State.ExitCode}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}}`
	states := map[string]string{}
	args := append([]string{"docker", "inspect", "--format", format}, c.containers(t, "")...)
	for line := range strings.Lines(c.must(t, time.Minute, args...)) {
		var name, service, status, code, health string
		_, err := fmt.Sscan(line, &name, &service, &status, &code, &health)
		require.NoError(t, err, line)
		switch {
		case status == "running" && health == "healthy", status == "exited" && code == "0" && strings.Contains(name, "migrate"),
			status == "running" && service == "shop":
			states[name] = "healthy"
		default:
			states[name] = status + " " + code + " " + health
		}
	}
	return states
}

func (c *composed) awaitHealthy(t testing.TB) {
	t.Helper()
	var states map[string]string
	deadline := time.Now().Add(healthPatience)
	for {
		states = c.health(t)
		if !slices.ContainsFunc(slices.Collect(maps.Values(states)), func(s string) bool { return s != "healthy" }) {
			return
		}
		if time.Now().After(deadline) {
			require.FailNow(t, "not all containers are healthy", "%v", states)
		}
		time.Sleep(10 * pollEvery)
	}
}

// remove ends everything, and asks that nothing is left. Where the test failed, the containers' logs stay.
func (c *composed) remove(t *testing.T) {
	if t.Failed() {
		logs, err := c.try(time.Minute, append(slices.Clone(c.compose), "logs", "--no-color")...)
		if err == nil {
			err = os.WriteFile(filepath.Join(c.dir, "compose.log"), []byte(logs), 0o600)
		}
		if err != nil {
			t.Logf("no logs: %v", err)
		}
	}
	c.do(t, "down", "--volumes", "--timeout", "10")
	for _, kind := range []string{"container", "volume", "network"} {
		args := []string{"docker", kind, "ls", "--quiet", "--filter", "label=com.docker.compose.project=" + c.project}
		if kind == "container" {
			args = append(args, "--all")
		}
		require.Empty(t, c.must(t, time.Minute, args...), "a %s stayed behind", kind)
	}
}

// reach tells which addresses can be reached from where a container is.
func (c *composed) reach(t testing.TB, from string, addresses []string) map[string]bool {
	t.Helper()
	image := c.must(t, time.Minute, "docker", "inspect", "--format", "{{.Config.Image}}", c.containers(t, "postgres-a")[0])
	const script = "for a; do (timeout 2 bash -c \"< /dev/tcp/${a%:*}/${a#*:}\" && echo $a) 2> /dev/null & done; wait"
	args := []string{"docker", "run", "--rm", "--network", "container:" + from, "--entrypoint", "bash", image, "-c", script, "bash"}
	reached := map[string]bool{}
	for _, a := range strings.Fields(c.must(t, time.Minute, append(args, addresses...)...)) {
		reached[a] = true
	}
	return reached
}

// addresses are those of a service's containers in all of their networks.
func (c *composed) addresses(t testing.TB, service, port string) []string {
	t.Helper()
	const format = `{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}`
	var list []string
	args := append([]string{"docker", "inspect", "--format", format}, c.containers(t, service)...)
	for _, ip := range strings.Fields(c.must(t, time.Minute, args...)) {
		list = append(list, ip+":"+port)
	}
	return list
}
