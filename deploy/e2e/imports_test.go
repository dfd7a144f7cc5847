//go:build linux

package e2e

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is tried from outside must not be known from inside. Where the programs of others are, and how folders are
// locked, is no part of it.
func TestKnowsTheContractsOnly(t *testing.T) {
	const module = "github.com/orderbridge/orderbridge/"
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if room, ours := strings.CutPrefix(path, module); ours {
				known := strings.HasPrefix(room, "contracts") || slices.Contains([]string{"deploy/pgcluster", "deploy/packages", "deploy/folderlock"}, room)
				require.True(t, known, "%s imports %s", name, path)
			}
		}
	}
}
