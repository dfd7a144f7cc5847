package settings

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type sample struct {
	HTTPAddr      string        `split_words:"true" default:"127.0.0.1:1" desc:"where to listen"`
	DatabaseURL   string        `split_words:"true" secret:"true"`
	AdminToken    string        `split_words:"true" secret:"true"`
	ShutdownGrace time.Duration `split_words:"true" default:"10s"`
}

func TestLoadReadsValuesAndFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("s3cret\n"), 0o600))
	t.Setenv("SAMPLE_DATABASE_URL", "postgres://x")
	t.Setenv("SAMPLE_ADMIN_TOKEN_FILE", file)
	t.Setenv("SAMPLE_ADMIN_TOKEN", "")
	require.NoError(t, os.Unsetenv("SAMPLE_ADMIN_TOKEN")) // Setenv above restores it after the test
	var c sample
	require.NoError(t, Load("SAMPLE", &c))
	require.Equal(t, sample{"127.0.0.1:1", "postgres://x", "s3cret", 10 * time.Second}, c)

	var out bytes.Buffer
	require.NoError(t, Print(&out, "SAMPLE", &c))
	require.Contains(t, out.String(), "SAMPLE_HTTP_ADDR       127.0.0.1:1  where to listen")
	require.NotContains(t, out.String(), "s3cret")
	require.NotContains(t, out.String(), "postgres://x")
}

func TestLoadRefuses(t *testing.T) {
	for name, c := range map[string]struct{ name, value, want string }{
		"a typo":                   {"SAMPLE_DATABSE_URL", "x", "SAMPLE_DATABSE_URL"},
		"a bad value":              {"SAMPLE_SHUTDOWN_GRACE", "hunter2", "SAMPLE_SHUTDOWN_GRACE"},
		"a file that is not there": {"SAMPLE_DATABASE_URL_FILE", "/nonexistent/x", "SAMPLE_DATABASE_URL_FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(c.name, c.value)
			err := Load("SAMPLE", &sample{})
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestLoadRefusesBothValueAndFile(t *testing.T) {
	t.Setenv("SAMPLE_ADMIN_TOKEN", "x")
	t.Setenv("SAMPLE_ADMIN_TOKEN_FILE", "/dev/null")
	require.ErrorContains(t, Load("SAMPLE", &sample{}), "both set")
}
