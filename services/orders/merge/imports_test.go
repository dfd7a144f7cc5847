package merge

import (
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pure is what the merge may import: nothing that acts on the world or asks it.
var pure = []string{
	"bytes", "encoding/json", "errors", "fmt", "maps", "reflect", "slices", "strconv", "strings", "time",
	"github.com/orderbridge/orderbridge/contracts",
}

func TestImports(t *testing.T) {
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
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
}
