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

// pure is what the core may import: of the standard library what neither acts on the world nor asks it.
var pure = []string{"cmp", "crypto/sha256", "encoding/binary", "encoding/hex", "errors", "fmt", "hash", "maps", "slices", "strconv", "strings", "time"}

func TestImports(t *testing.T) {
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	read := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		read++
		source, err := os.ReadFile(f.Name())
		require.NoError(t, err)
		require.NotContains(t, string(source), "time.Now", f.Name())
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), source, parser.ImportsOnly)
		require.NoError(t, err)
		for _, imported := range parsed.Imports {
			path, err := strconv.Unquote(imported.Path.Value)
			require.NoError(t, err)
			require.Contains(t, pure, path, f.Name())
		}
	}
	require.Positive(t, read)
}
