package cli

import (
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestImports: of the project the commands know the contract only, as any script does, and how to show texts.
func TestImports(t *testing.T) {
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, f := range files {
		if strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, imported := range parsed.Imports {
			path, err := strconv.Unquote(imported.Path.Value)
			require.NoError(t, err)
			if strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
				require.Contains(t, []string{"github.com/spf13/cobra", "github.com/orderbridge/orderbridge/contracts", "github.com/orderbridge/orderbridge/services/orders/visible"}, path, f.Name())
			}
		}
	}
}
