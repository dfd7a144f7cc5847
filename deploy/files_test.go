// Package deploy_test holds the files of this folder, which Docker reads and Go does not, to what they
// say of themselves. That they run is seen by deploy/e2e.
package deploy_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/orderbridge/orderbridge/bridge"
	connector "github.com/orderbridge/orderbridge/services/connector/command"
	"github.com/orderbridge/orderbridge/services/orders/command"
	"github.com/orderbridge/orderbridge/settings"
)

type composeFile struct {
	Services map[string]composeService
	Networks map[string]struct{ Internal bool }
	Secrets  map[string]struct{ File string }
}

type composeService struct {
	Image       string
	Command     []string
	Environment map[string]string
	Secrets     []struct{ Source, Target string }
	Networks    yaml.Node // a list, or names with settings
	Ports       []string
	DependsOn   map[string]any `yaml:"depends_on"`
	ReadOnly    bool           `yaml:"read_only"`
	CapDrop     []string       `yaml:"cap_drop"`
	SecurityOpt []string       `yaml:"security_opt"`
}

func (s composeService) networks(t *testing.T) []string {
	t.Helper()
	var list []string
	if s.Networks.Kind == yaml.MappingNode {
		named := map[string]any{}
		require.NoError(t, s.Networks.Decode(&named))
		return slices.Collect(maps.Keys(named))
	}
	require.NoError(t, s.Networks.Decode(&list))
	return list
}

func read(t *testing.T, name string) composeFile {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	var f composeFile
	require.NoError(t, yaml.Unmarshal(data, &f))
	require.NotEmpty(t, f.Services)
	return f
}

var files = []string{"compose.yaml", "compose.cluster.yaml", "compose.shop.yaml"}

func TestEverySettingIsKnownAndEverySecretIsAFile(t *testing.T) {
	known := append(settings.Names(command.Prefix, &command.Config{}), settings.Names("BRIDGE", &bridge.Config{})...)
	known = append(known, settings.Names(connector.Prefix, &connector.Config{})...)
	seen := 0
	for _, name := range files {
		for service, s := range read(t, name).Services {
			mounted := map[string]bool{}
			for _, secret := range s.Secrets {
				mounted["/run/secrets/"+secret.Target] = true
			}
			for variable, value := range s.Environment {
				if !strings.HasPrefix(variable, "ORDERS_") && !strings.HasPrefix(variable, "BRIDGE_") && !strings.HasPrefix(variable, "CONNECTOR_") {
					continue
				}
				seen++
				require.Contains(t, known, strings.TrimSuffix(variable, "_FILE"), "%s: %s", name, service)
				if strings.HasSuffix(variable, "_FILE") {
					require.True(t, mounted[value], "%s: %s has no secret for %s", name, service, variable)
				}
				for _, word := range []string{"TOKEN", "PASSWORD", "DATABASE_URL", "NATS_URL", "_KEY", "_SECRET"} {
					require.False(t, strings.HasSuffix(variable, word), "%s: %s has %s in its environment, where docker inspect shows it", name, service, variable)
				}
			}
		}
	}
	require.Greater(t, seen, 50)
}

func TestEveryContainerIsSealed(t *testing.T) {
	for _, name := range files {
		for service, s := range read(t, name).Services {
			if s.Image == "" {
				continue // adds to a service of compose.yaml
			}
			require.True(t, s.ReadOnly, "%s: %s", name, service)
			require.Equal(t, []string{"ALL"}, s.CapDrop, "%s: %s", name, service)
			require.Contains(t, s.SecurityOpt, "no-new-privileges:true", "%s: %s", name, service)
			for _, port := range s.Ports {
				require.True(t, strings.HasPrefix(port, "127.0.0.1:"), "%s: %s publishes %s", name, service, port)
			}
		}
	}
}

// watchers belong to no side.
var watchers = map[string]bool{"prometheus": true, "grafana": true}

// keepsWatchersApart: Prometheus reaches both sides on networks on which nothing else does, with the tokens for
// metrics alone, and Grafana reaches no side.
func (f composeFile) keepsWatchersApart(t *testing.T) {
	for service := range watchers {
		s := f.Services[service]
		require.NotEmpty(t, s.Image, service)
		for _, n := range s.networks(t) {
			allowed := []string{"watch", "front-watch"}
			if service == "prometheus" {
				allowed = append(allowed, "watch-a", "watch-b")
			}
			require.Contains(t, allowed, n, service)
			require.Equal(t, n != "front-watch", f.Networks[n].Internal, n)
		}
		for _, secret := range s.Secrets {
			require.True(t, service == "prometheus" && strings.HasSuffix(secret.Source, "-metrics-token") || secret.Source == "grafana-password", secret.Source)
		}
	}
}

// sideOf is the side to which a service belongs: orders-a, orders-a-2.
func sideOf(service string) string { return strings.Split(service, "-")[1] }

func TestTheSidesShareOnlyTheWayOfTheBridges(t *testing.T) {
	f := read(t, "compose.yaml")
	for _, name := range []string{"data-a", "data-b", "side-a", "side-b", "a-to-b", "b-to-a"} {
		require.True(t, f.Networks[name].Internal, name)
	}
	f.keepsWatchersApart(t)
	on := map[string]map[string]bool{} // services by network
	for _, name := range files {
		for service, s := range read(t, name).Services {
			if s.Image != "" {
				require.NotEmpty(t, s.networks(t), "%s: %s would be on the network of all", name, service)
			}
			for _, n := range s.networks(t) {
				if on[n] == nil {
					on[n] = map[string]bool{}
				}
				if !watchers[service] {
					on[n][service] = true
				}
			}
		}
	}
	shared := 0
	for network, services := range on {
		for x := range services {
			for y := range services {
				if sideOf(x) >= sideOf(y) {
					continue
				}
				shared++
				pair := []string{strings.Split(x, "-")[0], strings.Split(y, "-")[0]}
				slices.Sort(pair)
				require.Equal(t, []string{"bridge", "orders"}, pair, "%s and %s share %s", x, y, network)
			}
		}
	}
	require.Equal(t, 3, shared, "bridge a and service b, bridge b and both replicas of service a")
	for service := range on["data-a"] {
		require.NotContains(t, service, "bridge", "a bridge has no database")
	}
}

func TestTheReplicaIsSetUpAsTheFirst(t *testing.T) {
	single, cluster := read(t, "compose.yaml"), read(t, "compose.cluster.yaml")
	want := maps.Clone(single.Services["orders-a"].Environment)
	maps.Copy(want, cluster.Services["orders-a"].Environment)
	require.Equal(t, want, cluster.Services["orders-a-2"].Environment)
	require.Equal(t, single.Services["orders-a"].Secrets, cluster.Services["orders-a-2"].Secrets)
}

// TestTheImageIsBuiltBeforeItIsUsed: docker-compose 1.29 takes the services in the order of their
// dependencies, and tries to pull an image that a later one would build.
func TestTheImageIsBuiltBeforeItIsUsed(t *testing.T) {
	all := read(t, "compose.yaml").Services
	for name, s := range read(t, "compose.cluster.yaml").Services {
		if _, there := all[name]; !there {
			all[name] = s
		}
	}
	var after func(name string) bool
	after = func(name string) bool {
		for dependency := range all[name].DependsOn {
			if dependency == "migrate-a" || after(dependency) {
				return true
			}
		}
		return false
	}
	image := all["migrate-a"].Image
	seen := 0
	for name, s := range all {
		if s.Image == image && name != "migrate-a" {
			seen++
			require.True(t, after(name), "%s does not wait for migrate-a, which builds the image", name)
		}
	}
	require.Equal(t, 6, seen)
}

// makeSecrets runs secrets.sh as a user does.
func makeSecrets(t *testing.T, dir string, env ...string) map[string]string {
	t.Helper()
	cmd := exec.Command("sh", "secrets.sh", dir)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	made := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		made[e.Name()] = string(data)
	}
	return made
}

func TestSecrets(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	made := makeSecrets(t, dir)
	for _, name := range files {
		for secret, s := range read(t, name).Secrets {
			require.Equal(t, "${SECRETS_DIR:-./secrets}/"+secret, s.File)
			if secret == "b-shop-key" || secret == "b-shop-secret" { // the shop's to give
				require.NotContains(t, made, secret)
				continue
			}
			require.NotEmpty(t, made[secret], "%s is not made", secret)
		}
	}
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm(), "the files can be read by containers, and so by all who get to them")
	values := map[string]string{}
	for name, value := range made {
		if strings.HasSuffix(name, "-token") || strings.HasSuffix(name, "-password") {
			require.Regexp(t, `^[A-Za-z0-9]{40}$`, value, name)
			require.Empty(t, values[value], "%s is the same as %s", name, values[value])
			values[value] = name
		}
	}
	require.Len(t, values, 26)

	// What Docker leaves where a secret is missing.
	require.NoError(t, os.Mkdir(filepath.Join(dir, "a-other"), 0o700))
	out, err := exec.Command("sh", "secrets.sh", dir).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "a-other is a folder")
	require.NoError(t, os.Remove(filepath.Join(dir, "a-other")))
	_, err = exec.Command("sh", "secrets.sh", "somewhere").CombinedOutput()
	require.Error(t, err, "a relative folder")

	require.NoError(t, os.Remove(filepath.Join(dir, "a-peer-token")))
	require.NoError(t, os.Remove(filepath.Join(dir, "b-nats-bridge-password")))
	again := makeSecrets(t, dir, "A_PORT=9999")
	require.NotEqual(t, made["a-peer-token"], again["a-peer-token"])
	require.Contains(t, again["b-nats-bridge-url"], again["b-nats-bridge-password"], "what is made of a secret follows it")
	require.Contains(t, again["b-nats-users.conf"], again["b-nats-bridge-password"])
	require.Contains(t, again["compose.env"], "A_URL='http://127.0.0.1:9999'")
	require.Contains(t, again["compose.env"], "B_URL='http://127.0.0.1:8180'", "as in .env")
	for _, changes := range []string{"a-peer-token", "b-nats-bridge-password", "b-nats-bridge-url", "b-nats-users.conf", "compose.env"} {
		delete(made, changes)
		delete(again, changes)
	}
	require.Equal(t, made, again, "all others stay")
}
