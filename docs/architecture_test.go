package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module       = "github.com/orderbridge/orderbridge"
	architecture = "architecture.md"
)

// room is one package of the tree.
type room struct {
	path    string // from the root of the tree
	does    string // first sentence of its documentation
	files   []*ast.File
	tests   []*ast.File
	sources map[*ast.File]string // name of each file
}

// imports lists what files import: packages of this module by their path in the tree, others whole.
func imports(files []*ast.File) []string {
	all := map[string]bool{}
	for _, f := range files {
		for _, spec := range f.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			all[strings.TrimPrefix(path, module+"/")] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func rooms(t *testing.T) map[string]*room {
	t.Helper()
	all := map[string]*room{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "testdata" || path == filepath.Join(root, "tools")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		r := all[dir]
		if r == nil {
			r = &room{path: dir, sources: map[*ast.File]string{}}
			all[dir] = r
		}
		r.sources[f] = name
		if strings.HasSuffix(name, "_test.go") {
			r.tests = append(r.tests, f)
			return nil
		}
		r.files = append(r.files, f)
		if f.Doc != nil {
			r.does = firstSentence(f.Doc.Text())
		}
		return nil
	}))
	return all
}

func firstSentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	sentence, _, _ := strings.Cut(text, ". ")
	_, sentence, _ = strings.Cut(strings.TrimSuffix(sentence, "."), " ") // Package
	_, sentence, _ = strings.Cut(sentence, " ")                          // its name
	return strings.TrimPrefix(sentence, "is ")
}

// TestTheImportGraph: the table of the page is what each package may import of this module. A new import is a
// decision, so it is written there first.
func TestTheImportGraph(t *testing.T) {
	text, err := os.ReadFile(architecture)
	require.NoError(t, err)
	listed := map[string]string{}
	for line := range strings.SplitSeq(string(text), "\n") {
		if cells := strings.Split(line, " | "); len(cells) == 2 && strings.HasPrefix(line, "| `") {
			listed[strings.Trim(cells[0], "| `")] = strings.ReplaceAll(strings.TrimSuffix(strings.TrimSpace(cells[1]), "|"), "`", "")
		}
	}
	seen := 0
	for path, r := range rooms(t) {
		if len(r.files) == 0 || path == "." {
			continue
		}
		seen++
		var ours []string
		for _, imported := range imports(r.files) {
			if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") && known(imported) {
				ours = append(ours, imported)
			}
		}
		want := strings.Join(ours, ", ")
		require.Equal(t, want, strings.TrimSpace(listed[path]), "imports of %s: the row in docs/%s would be\n| `%s` | %s |", path, architecture, path, quoted(ours))
		delete(listed, path)
	}
	require.Greater(t, seen, 20)
	require.Empty(t, listed, "packages in the page that are not in the tree")
}

// known reports whether an import is a package of this module.
func known(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return slices.Contains([]string{"bridge", "contracts", "deploy", "services", "settings"}, first)
}

func quoted(list []string) string {
	for i := range list {
		list[i] = "`" + list[i] + "`"
	}
	return strings.Join(list, ", ")
}

// TestEachRoomSaysWhatItDoes: the documentation of each package begins with it.
func TestEachRoomSaysWhatItDoes(t *testing.T) {
	for path, r := range rooms(t) {
		if len(r.files) > 0 && path != "." {
			require.NotEmpty(t, r.does, path)
		}
	}
}

// Packages of the standard library that neither act on the world nor ask it.
var pure = []string{
	"bytes", "cmp", "crypto/sha256", "encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt", "hash", "maps", "reflect",
	"slices", "strconv", "strings", "time",
}

// TestImportRules: what the graph does not show, because it is about other modules, or about tests.
func TestImportRules(t *testing.T) {
	all := rooms(t)
	standard := func(path string) bool {
		first, _, _ := strings.Cut(path, "/")
		return !strings.Contains(first, ".") && !known(path)
	}
	each := func(path string, tests bool, allowed func(string) bool) {
		r := all[path]
		require.NotNil(t, r, path)
		files := r.files
		if tests {
			files = slices.Concat(r.files, r.tests)
		}
		for _, imported := range imports(files) {
			require.True(t, allowed(imported), "%s may not import %s", path, imported)
		}
	}
	// The protocol and the merge are functions of values: they can be searched.
	each("services/orders/ordersync", false, func(path string) bool { return slices.Contains(pure, path) })
	each("services/orders/merge", false, func(path string) bool { return path == "contracts" || slices.Contains(pure, path) })
	for _, path := range []string{"services/orders/ordersync", "services/orders/merge"} {
		for _, f := range all[path].files {
			require.False(t, calls(f, "time", "Now"), "%s asks for the time in %s", path, all[path].sources[f])
		}
	}
	// Whoever speaks to the system may use the contracts, so they must cost them nothing.
	each("contracts", false, standard)
	// The operator's commands know what any script knows.
	each("services/orders/cli", false, func(path string) bool {
		return standard(path) || path == "github.com/spf13/cobra" || path == "contracts" || path == "services/orders/visible" || path == "settings/tlsfile"
	})
	// The bridge shares the contracts with the services, as two programs share a wire, and has no database.
	each("bridge", true, func(path string) bool {
		return !strings.HasPrefix(path, "services/") && !strings.Contains(path, "jackc/pgx") && path != "database/sql"
	})
	for _, f := range all["bridge"].files {
		if name := all["bridge"].sources[f]; name != "consumer.go" {
			for _, imported := range imports([]*ast.File{f}) {
				require.NotContains(t, imported, "nats-io", "bridge/%s: consumer.go is the only file that knows NATS", name)
			}
		}
	}
	// What is tried from outside must not be known from inside.
	each("deploy/e2e", true, func(path string) bool {
		return !known(path) || strings.HasPrefix(path, "contracts") || slices.Contains([]string{"deploy/pgcluster", "deploy/packages", "deploy/folderlock"}, path)
	})
}

// calls reports whether a file mentions a function of a package.
func calls(f *ast.File, from, name string) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		if s, is := n.(*ast.SelectorExpr); is && s.Sel.Name == name {
			if x, is := s.X.(*ast.Ident); is && x.Name == from {
				found = true
			}
		}
		return !found
	})
	return found
}
