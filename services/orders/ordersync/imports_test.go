package ordersync

import (
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The core is pure: it imports the standard library only, and of that nothing that acts on the world.
func TestImports(t *testing.T) {
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	read := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		read++
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, imported := range parsed.Imports {
			path, err := strconv.Unquote(imported.Path.Value)
			require.NoError(t, err)
			first, _, _ := strings.Cut(path, "/")
			require.NotContains(t, first, ".", "%s imports %s, which is not of the standard library", f.Name(), path)
			require.NotContains(t, []string{"os", "net", "log", "io", "context", "sync", "math/rand", "syscall", "runtime", "database"}, first,
				"%s imports %s, but the core has no I/O, context, logger or randomness", f.Name(), path)
		}
	}
	require.Positive(t, read)
}
