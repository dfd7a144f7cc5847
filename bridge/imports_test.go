package bridge

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The bridge and the services share contracts, as two programs share a wire, and the bridge has no
// database. NATS is known in one file.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range parsed.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			require.NotContains(t, path, "orderbridge/services", file)
			require.NotContains(t, path, "jackc/pgx", file)
			require.NotEqual(t, "database/sql", path, file)
			if strings.Contains(path, "nats-io") && !strings.HasSuffix(file, "_test.go") {
				require.Equal(t, "consumer.go", file)
				require.NotContains(t, path, "nats-server")
			}
		}
	}
}
