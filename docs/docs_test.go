package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// The pages name tests, files and headings, which these tests look up.

const (
	root = ".."
	page = "two-way-sync-problems.md"
)

var (
	fence      = regexp.MustCompile("(?ms)^```.*?^```$")
	code       = regexp.MustCompile("`[^`]+`")
	link       = regexp.MustCompile(`\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)`)
	testName   = regexp.MustCompile("^`((?:Test|Fuzz)[A-Z]\\w*)(/.*)?`$")
	filePath   = regexp.MustCompile(`^\.?[\w.-]+(?:/[\w.-]+)*\.(?:go|md|txt|sql|ya?ml|json|sh|conf)$`)
	folderPath = regexp.MustCompile(`^(?:bridge|contracts|deploy|docs|services|settings|tools)(?:/[\w.-]+)*/?$`)
	setting    = regexp.MustCompile(`^(?:ORDERS|BRIDGE|CONNECTOR)_[A-Z_]+$`)
	heading    = regexp.MustCompile(`(?m)^#{1,6} +(.*?)\s*$`)
)

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return fence.ReplaceAllString(string(data), "")
}

// TestNamedTestsExist holds every test that a page names against the file that it gives for it: the
// link around the name, or the next link to a Go file in the same paragraph. The parts of a subtest's
// name must stand as texts in that file's folder.
func TestNamedTestsExist(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	require.NoError(t, err)
	for _, p := range pages {
		for _, fault := range testFaults(read(t, p)) {
			t.Errorf("%s: %s", p, fault)
		}
	}
	require.Greater(t, len(namedTests(read(t, page))), 100, "the page's tests are found")
}

// named is a test as a page names it, and the file that it gives.
type named struct{ test, sub, file string }

func namedTests(text string) (all []named) {
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		for _, line := range paragraphs(paragraph) {
			links := link.FindAllStringSubmatchIndex(line, -1)
			for _, at := range code.FindAllStringIndex(line, -1) {
				m := testName.FindStringSubmatch(strings.Join(strings.Fields(line[at[0]:at[1]]), " "))
				if m == nil {
					continue
				}
				n := named{test: m[1], sub: strings.TrimPrefix(m[2], "/")}
				for _, l := range links {
					target := line[l[4]:l[5]]
					if l[1] > at[0] && strings.HasSuffix(target, ".go") {
						n.file = target
						break
					}
				}
				all = append(all, n)
			}
		}
	}
	return all
}

// paragraphs takes the rows of a table, and the items of a list, for paragraphs of their own.
func paragraphs(text string) []string {
	if strings.HasPrefix(text, "|") {
		return strings.Split(text, "\n")
	}
	return strings.Split(text, "\n- ")
}

func testFaults(text string) (faults []string) {
	for _, n := range namedTests(text) {
		if n.file == "" {
			faults = append(faults, n.test+" is named without a file")
			continue
		}
		folder := filepath.Dir(n.file)
		tests, texts, err := declared(folder)
		switch {
		case err != nil:
			faults = append(faults, fmt.Sprintf("%s: %v", n.test, err))
			continue
		case tests[n.test] == "":
			faults = append(faults, fmt.Sprintf("%s is not in %s", n.test, folder))
			continue
		case n.sub == "" && tests[n.test] != filepath.Base(n.file):
			faults = append(faults, fmt.Sprintf("%s is not in %s but in %s", n.test, n.file, tests[n.test]))
		}
		for _, part := range parts(n.sub) {
			if !slices.Contains(texts, part) {
				faults = append(faults, fmt.Sprintf("%s has no %q in %s", n.test, part, folder))
			}
		}
		if n.sub != "" && !within(n.file, n.test, n.sub) {
			faults = append(faults, fmt.Sprintf("neither %s nor its %q is in %s", n.test, n.sub, n.file))
		}
	}
	return faults
}

// parts are the names of a subtest and of those that it is below.
func parts(sub string) []string {
	if sub == "" {
		return nil
	}
	return strings.Split(sub, "/")
}

// within tells that a file holds a test, or the innermost of its subtest's names.
func within(file, test, sub string) bool {
	data, err := os.ReadFile(file)
	names := parts(sub)
	return err == nil && (strings.Contains(string(data), "func "+test+"(") || strings.Contains(string(data), strconv.Quote(names[len(names)-1])))
}

// declared finds the tests of a folder, with their files, and all texts in its Go files.
var declared = func() func(string) (map[string]string, []string, error) {
	type found struct {
		tests map[string]string
		texts []string
		err   error
	}
	seen := map[string]found{}
	return func(folder string) (map[string]string, []string, error) {
		f, ok := seen[folder]
		if !ok {
			f.tests, f.texts, f.err = declaredIn(folder)
			seen[folder] = f
		}
		return f.tests, f.texts, f.err
	}
}()

func declaredIn(folder string) (tests map[string]string, texts []string, err error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(files) == 0 {
		return nil, nil, fmt.Errorf("there is no Go file in %s", folder)
	}
	tests = map[string]string{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, nil, err
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && strings.HasSuffix(file, "_test.go") {
					tests[n.Name.Name] = filepath.Base(file)
				}
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					texts = append(texts, text)
				}
			}
			return true
		})
	}
	return tests, texts, nil
}

// TestNamedFilesAndSettingsExist: what stands in backticks and looks like a path of the tree is one,
// and what looks like a setting is in the table of settings.
func TestNamedFilesAndSettingsExist(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	require.NoError(t, err)
	for _, p := range pages {
		for _, fault := range nameFaults(read(t, p), read(t, "configuration.md")) {
			t.Errorf("%s: %s", p, fault)
		}
	}
}

func nameFaults(text, settings string) (faults []string) {
	for _, quoted := range code.FindAllString(text, -1) {
		name := strings.Trim(quoted, "`")
		switch {
		case setting.MatchString(name) && name != contracts.HintStream && !strings.Contains(settings, quoted):
			faults = append(faults, name+" is not in configuration.md")
		case (filePath.MatchString(name) || folderPath.MatchString(name)) && !exists(filepath.Join(root, name)):
			faults = append(faults, name+" is not in the tree")
		}
	}
	return faults
}

// TestLinksLeadSomewhere follows the relative links of the README, of these pages and of the rooms'
// READMEs, to the heading where a link names one.
func TestLinksLeadSomewhere(t *testing.T) {
	followed := 0
	for _, p := range allPages(t) {
		for _, l := range link.FindAllStringSubmatch(read(t, p), -1) {
			followed++
			if fault := linkFault(p, l[2]); fault != "" {
				t.Errorf("%s: %s", p, fault)
			}
		}
	}
	require.Greater(t, followed, 100, "the links are found")
}

func allPages(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob("*.md")
	require.NoError(t, err)
	require.Contains(t, pages, page)
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "node_modules"):
			return filepath.SkipDir
		case name == "README.md":
			pages = append(pages, path)
		}
		return nil
	}))
	return pages
}

func linkFault(from, target string) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return ""
	}
	path, anchor, _ := strings.Cut(target, "#")
	to := from
	if path != "" {
		to = filepath.Join(filepath.Dir(from), path)
	}
	switch {
	case !exists(to):
		return target + " leads to no file"
	case anchor != "" && !slices.Contains(anchors(to), anchor):
		return target + " leads to no heading"
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// anchors are the names of a page's headings, as GitHub makes them.
func anchors(path string) (all []string) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	times := map[string]int{}
	for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(string(data), ""), -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, link.ReplaceAllString(h[1], "$1"))
		if n := times[name]; n > 0 {
			all = append(all, fmt.Sprintf("%s-%d", name, n))
		} else {
			all = append(all, name)
		}
		times[name]++
	}
	return all
}

// TestEveryProblemIsInTheTable: the table leads to each problem's section, once.
func TestEveryProblemIsInTheTable(t *testing.T) {
	text := read(t, page)
	var inTable []string
	for row := range strings.SplitSeq(text, "\n") {
		if l := link.FindStringSubmatch(row); strings.HasPrefix(row, "| [") && l != nil {
			inTable = append(inTable, strings.TrimPrefix(l[2], "#"))
		}
	}
	var sections []string
	all := anchors(page)
	for i, h := range heading.FindAllString(text, -1) {
		if strings.HasPrefix(h, "### ") {
			sections = append(sections, all[i])
		}
	}
	require.Equal(t, sections, inTable, "in the same order")
}

// TestWrongNamesAreFound is the test of the tests above.
func TestWrongNamesAreFound(t *testing.T) {
	for text, want := range map[string]string{
		"`TestTour` in [x](../deploy/e2e/tour_test.go)":                      "",
		"`TestFaults/service a killed` in [x](../deploy/e2e/faults_test.go)": "",
		"`TestFaults/service a killed` in [x](../deploy/e2e/fault.go)":       "",
		"`TestTours` in [x](../deploy/e2e/tour_test.go)":                     "TestTours is not in ../deploy/e2e",
		"`TestTour` in [x](../deploy/e2e/line_test.go)":                      "TestTour is not in ../deploy/e2e/line_test.go but in tour_test.go",
		"`TestTour` in [x](../deploy/e3e/tour_test.go)":                      "TestTour: there is no Go file in ../deploy/e3e",
		"`TestFaults/service c killed` in [x](../deploy/e2e/faults_test.go)": `TestFaults has no "service c killed" in ../deploy/e2e`,
		"`TestFaults/service a killed` in [x](../deploy/e2e/line_test.go)":   `neither TestFaults nor its "service a killed" is in ../deploy/e2e/line_test.go`,
		"`TestTour` alone": "TestTour is named without a file",
		"[x](../deploy/e2e/tour_test.go): `TestTour`":                          "TestTour is named without a file",
		"`TestTour`,\n\nin [x](../deploy/e2e/tour_test.go)":                    "TestTour is named without a file",
		"| a | [`TestTour`](../deploy/e2e/tour_test.go) |\n| b | `TestLine` |": "TestLine is named without a file",
	} {
		require.Equal(t, want, strings.Join(testFaults(text), "; "), text)
	}
	for text, want := range map[string]string{
		"`bridge/pipe.go`, `deploy/e2e`, `/orders`, `a:7`": "",
		"`bridge/pipes.go`":    "bridge/pipes.go is not in the tree",
		"`deploy/e3e`":         "deploy/e3e is not in the tree",
		"`BRIDGE_BACKOFF_MAX`": "",
		"`BRIDGE_BACKOFF_TOP`": "BRIDGE_BACKOFF_TOP is not in configuration.md",
	} {
		require.Equal(t, want, strings.Join(nameFaults(text, "`BRIDGE_BACKOFF_MAX`"), "; "), text)
	}
	for target, want := range map[string]string{
		"#echo":                          "",
		"../README.md#two-commands":      "",
		"https://example.org/x":          "",
		"../deploy":                      "",
		"../README.md#three-commands":    "../README.md#three-commands leads to no heading",
		"#echoes":                        "#echoes leads to no heading",
		"two-way-sync-problems.markdown": "two-way-sync-problems.markdown leads to no file",
	} {
		require.Equal(t, want, linkFault(page, target))
	}
}
