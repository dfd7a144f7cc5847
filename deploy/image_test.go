package deploy_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/stretchr/testify/require"
)

// TestTheImageIsBuiltFromAllThatTheProgramImports: the tree has the files of every package, the build of the
// image only those that .dockerignore lets in and the Dockerfile copies.
func TestTheImageIsBuiltFromAllThatTheProgramImports(t *testing.T) {
	f, err := os.Open("../.dockerignore")
	require.NoError(t, err)
	defer f.Close()
	patterns, err := ignorefile.ReadAll(f)
	require.NoError(t, err)
	ignored, err := patternmatcher.New(patterns)
	require.NoError(t, err)

	dockerfile, err := os.ReadFile("Dockerfile")
	require.NoError(t, err)
	var copied []string
	for _, found := range regexp.MustCompile(`(?m)^COPY (\S+) \S+$`).FindAllSubmatch(dockerfile, -1) {
		copied = append(copied, string(found[1]))
	}

	root, err := filepath.Abs("..")
	require.NoError(t, err)
	list := exec.Command("go", "list", "-deps", "-json=Module,Dir,GoFiles,EmbedFiles", ".")
	list.Dir = root
	out, err := list.Output()
	require.NoError(t, err)
	files := 0
	for packages := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			Module              *struct{ Main bool }
			Dir                 string
			GoFiles, EmbedFiles []string
		}
		err := packages.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if p.Module == nil || !p.Module.Main {
			continue
		}
		for _, name := range append(p.GoFiles, p.EmbedFiles...) {
			path, err := filepath.Rel(root, filepath.Join(p.Dir, name))
			require.NoError(t, err)
			path = filepath.ToSlash(path)
			files++
			no, err := ignored.MatchesOrParentMatches(path)
			require.NoError(t, err)
			require.False(t, no, "%s is excluded by .dockerignore", path)
			top, _, _ := strings.Cut(path, "/")
			require.Contains(t, copied, top, "the Dockerfile does not copy %s", path)
		}
	}
	require.Greater(t, files, 100)
}
