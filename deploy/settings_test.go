package deploy_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/bridge"
	connector "github.com/orderbridge/orderbridge/services/connector/command"
	"github.com/orderbridge/orderbridge/services/orders/command"
	"github.com/orderbridge/orderbridge/settings"
)

// installation is the settings of one process as it gets them without Compose.
type installation struct {
	program   string   // serve, bridge or connector
	envFiles  []string // NAME=value
	secretsIn string   // a unit or a manifest, which names files of secrets
}

var installations = []installation{
	{"serve", []string{"systemd/a/serve.env"}, "systemd/orderbridge-serve.service"},
	{"serve", []string{"systemd/b/serve.env"}, "systemd/orderbridge-serve.service"},
	{"connector", []string{"systemd/b/serve.env", "systemd/b/connector.env"}, "systemd/orderbridge-connector.service"},
	{"bridge", []string{"systemd/a/bridge.env"}, "systemd/orderbridge-bridge.service"},
	{"bridge", []string{"systemd/b/bridge.env"}, "systemd/orderbridge-bridge.service"},
	{"serve", []string{"kubernetes/base/service.env"}, "kubernetes/base/service.yaml"},
	{"bridge", []string{"kubernetes/base/bridge.env"}, "kubernetes/base/bridge.yaml"},
}

// secretFile finds NAME_FILE with the file's name, in a unit and in a manifest.
var secretFile = regexp.MustCompile(`([A-Z_]+_FILE)(?:, value: |=)\S*/([a-z-]+)`)

// TestProgramsAcceptTheSettingsOfUnitsAndManifests: each program reads its own, and its validation finds no fault.
func TestProgramsAcceptTheSettingsOfUnitsAndManifests(t *testing.T) {
	for _, i := range installations {
		t.Run(i.program+" "+i.envFiles[0], func(t *testing.T) {
			for _, name := range i.envFiles {
				for line := range strings.Lines(text(t, name)) {
					line = strings.TrimSpace(line)
					if line == "" || strings.HasPrefix(line, "#") {
						continue
					}
					name, value, found := strings.Cut(line, "=")
					require.True(t, found, line)
					t.Setenv(name, value)
				}
			}
			secrets := t.TempDir()
			found := secretFile.FindAllStringSubmatch(text(t, i.secretsIn), -1)
			require.Greater(t, len(found), 3)
			for _, s := range found {
				file := filepath.Join(secrets, s[2])
				require.NoError(t, os.WriteFile(file, []byte(secretOf(s[1])), 0o600))
				t.Setenv(s[1], file)
				t.Setenv(strings.TrimSuffix(s[1], "_FILE"), "") // restores it after the test
				require.NoError(t, os.Unsetenv(strings.TrimSuffix(s[1], "_FILE")))
			}
			var service command.Config
			switch i.program {
			case "bridge":
				var c bridge.Config
				require.NoError(t, settings.Load("BRIDGE", &c))
				require.NoError(t, c.Validate())
			case "connector":
				var c connector.Config
				require.NoError(t, settings.Load(connector.Prefix, &c))
				require.NoError(t, c.Validate())
				fallthrough
			default:
				require.NoError(t, settings.Load(command.Prefix, &service))
				require.NoError(t, service.Validate())
			}
		})
	}
}

func secretOf(variable string) string {
	switch {
	case strings.Contains(variable, "DATABASE_URL"):
		return "postgres://orders:" + rand.Text() + "@127.0.0.1/orders"
	case strings.Contains(variable, "NATS_URL"):
		return "nats://bridge:" + rand.Text() + "@127.0.0.1:4222"
	}
	return rand.Text() + rand.Text()
}

func text(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(data)
}

// TestSettingsOfKubernetesAreKnown finds every setting that a manifest or a settings file names.
func TestSettingsOfKubernetesAreKnown(t *testing.T) {
	known := append(settings.Names(command.Prefix, &command.Config{}), settings.Names("BRIDGE", &bridge.Config{})...)
	known = append(known, settings.Names(connector.Prefix, &connector.Config{})...)
	name := regexp.MustCompile(`\b(?:ORDERS|BRIDGE|CONNECTOR)_[A-Z_]+\b`)
	seen := 0
	require.NoError(t, filepath.WalkDir("kubernetes", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".md") {
			return err
		}
		for _, found := range name.FindAllString(text(t, path), -1) {
			if found == "ORDERS_PORT" || found == "BRIDGE_PORT" { // of which a comment warns
				continue
			}
			seen++
			require.Contains(t, known, strings.TrimSuffix(found, "_FILE"), path)
		}
		return nil
	}))
	require.Greater(t, seen, 25)
}

var units = []string{"systemd/orderbridge-serve.service", "systemd/orderbridge-bridge.service", "systemd/orderbridge-connector.service"}

// TestUnitsLoadTheCredentialsTheyName: and they are alike in what they take away.
func TestUnitsLoadTheCredentialsTheyName(t *testing.T) {
	hardened := map[string]string{}
	for _, unit := range units {
		content := text(t, unit)
		for _, s := range regexp.MustCompile(`%d/([a-z-]+)`).FindAllStringSubmatch(content, -1) {
			require.Contains(t, content, fmt.Sprintf("\nLoadCredential=%s:/etc/orderbridge/secrets/%s\n", s[1], s[1]), unit)
		}
		_, after, found := strings.Cut(content, "\n# What the program does not need is taken away.\n")
		require.True(t, found, unit)
		hardened[after] = unit
	}
	require.Len(t, hardened, 1, "the units differ in what they take away")
}

// TestUnitsAreValidAndLittleExposed asks systemd. Its score of exposure goes from 0 to 10.
func TestUnitsAreValidAndLittleExposed(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("NOT CHECKED: systemd-analyze is not installed; .ci/run installs it")
	}
	dir := t.TempDir()
	verify := []string{"verify"}
	for _, unit := range units {
		out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=15", unit).CombinedOutput()
		require.NoError(t, err, "%s", out)
		there := strings.ReplaceAll(text(t, unit), "/usr/bin/orderbridge", "/bin/true") // it must exist
		copied := filepath.Join(dir, filepath.Base(unit))
		require.NoError(t, os.WriteFile(copied, []byte(there), 0o600))
		verify = append(verify, copied)
	}
	out, err := exec.Command(analyze, verify...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, unit := range units {
		require.NotContains(t, string(out), filepath.Base(unit), "a warning")
	}
}
