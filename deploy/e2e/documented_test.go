//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// elsewhere names what runs the documented commands that start or build something of their own.
var elsewhere = map[string]string{
	"make demo    # two sides with databases, brokers and bridges, filled with orders; Ctrl-C ends it": ".ci/newcomer",
	"make test    # the tests, against real PostgreSQL and real JetStream":                             ".ci/newcomer whole",
	"deploy/secrets.sh": "TestCompose",
	"docker-compose -f deploy/compose.yaml up --build --detach": "TestCompose",
}

// TestTheDocumentedCommandsWork runs each command of the README and of the tour in one shell, as a reader does, and
// compares what it prints with what stands there.
func TestTheDocumentedCommandsWork(t *testing.T) {
	d := &demo{owner: t, dir: dataDir(t), base: freeBase(t)}
	d.pair = newPair(func() bool { return d.ended() })
	d.start(t, "--seed", "24")
	folder := t.TempDir()
	tree, err := filepath.Abs("../..")
	require.NoError(t, err)
	for name, target := range map[string]string{
		"bin/orderbridge": program, "bin/nats": natsProgram(t), "contracts": filepath.Join(tree, "contracts"), ".demo": filepath.Join(d.dir, "demo"),
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755))
		require.NoError(t, os.Symlink(target, filepath.Join(folder, name)))
	}
	for _, page := range []string{"README.md", "docs/tour.md"} {
		text, err := os.ReadFile(filepath.Join(tree, page))
		require.NoError(t, err)
		sh := startShell(t, folder)
		ran := 0
		for _, c := range documented(string(text)) {
			if elsewhere[c.line] != "" {
				continue
			}
			ran++
			got := ""
			for i, line := range pause.Split(c.line, -1) {
				if i > 0 {
					d.awaitRest(t) // where a reader sleeps: a busy machine may take longer
				}
				if line != "" {
					got += sh.run(t, line)
				}
			}
			if c.console && !matches(c.output, got) {
				t.Errorf("%s:\n$ %s\n%s\nit stands there as\n%s", page, c.line, got, strings.Join(c.output, "\n"))
			}
		}
		require.Greater(t, ran, 5, page)
	}
}

// natsProgram builds the NATS command line, as make nats does.
func natsProgram(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nats")
	build := exec.Command("go", "build", "-o", path, "github.com/nats-io/natscli/nats")
	build.Dir = "../../tools/nats"
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

// command is one that a page shows, and in a console block what it prints.
type command struct {
	line    string
	console bool
	output  []string
}

var shellBlock = regexp.MustCompile("(?ms)^```(sh|console)\n(.*?)^```$")

var pause = regexp.MustCompile(`sleep \d+(?:; )?`)

func documented(page string) (all []command) {
	for _, block := range shellBlock.FindAllStringSubmatch(page, -1) {
		lines := strings.Split(strings.TrimSuffix(block[2], "\n"), "\n")
		for i := 0; i < len(lines); i++ {
			line, is := strings.CutPrefix(lines[i], "$ ")
			switch {
			case block[1] == "sh":
				line = lines[i]
			case !is:
				last := &all[len(all)-1]
				last.output = append(last.output, lines[i])
				continue
			}
			for strings.HasSuffix(line, `\`) {
				i++
				line += "\n" + lines[i]
			}
			all = append(all, command{line: line, console: is})
		}
	}
	return all
}

// volatile is what differs from run to run, and what it is replaced with before lines are compared.
var volatile = []struct {
	of *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "HASH"},
	{regexp.MustCompile(`\bepoch [a-z]\.[a-z2-7]+`), "epoch E"},
	{regexp.MustCompile(`\bbridge +[a-z2-7]{12}\b`), "bridge B"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`), "TIME"},
	{regexp.MustCompile(`\b(\d+h)?(\d+m)?\d+s\b`), "AGE"},
	{regexp.MustCompile(`\d+`), "N"},
	{regexp.MustCompile(`[─ ]+`), " "},
}

func matches(want []string, got string) bool {
	var have []string
	if got != "" {
		have = strings.Split(got, "\n")
	}
	for i, line := range want {
		switch {
		case line == "…":
			rest := want[i+1:]
			for skip := i; skip <= len(have); skip++ {
				if matches(rest, strings.Join(have[skip:], "\n")) {
					return true
				}
			}
			return false
		case i >= len(have) || steady(line) != steady(have[i]):
			return false
		}
	}
	return len(have) == len(want)
}

func steady(line string) string {
	for _, v := range volatile {
		line = v.of.ReplaceAllString(line, v.by)
	}
	return strings.TrimRight(line, " ")
}

// shell is a bash that takes one command after the other.
type shell struct {
	in  io.Writer
	out *bufio.Reader
}

func startShell(t *testing.T, folder string) *shell {
	t.Helper()
	bash := exec.Command("bash", "--norc", "--noprofile")
	bash.Dir = folder
	bash.Env = append(os.Environ(), "PATH="+filepath.Join(folder, "bin")+":"+os.Getenv("PATH"), "NO_COLOR=1", "TERM=dumb")
	in, err := bash.StdinPipe()
	require.NoError(t, err)
	out, outer := io.Pipe()
	bash.Stdout, bash.Stderr = outer, outer
	require.NoError(t, bash.Start())
	t.Cleanup(func() {
		in.Close()
		bash.Wait()
		outer.Close()
	})
	return &shell{in: in, out: bufio.NewReader(out)}
}

// run returns what a command prints, on either stream.
func (s *shell) run(t *testing.T, line string) string {
	t.Helper()
	const end = "-- the command has ended --"
	_, err := fmt.Fprintf(s.in, "%s\necho '%s'\n", line, end)
	require.NoError(t, err)
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		var printed strings.Builder
		for {
			line, err := s.out.ReadString('\n')
			before, ended := strings.CutSuffix(strings.TrimSuffix(line, "\n"), end)
			if ended {
				line = before
			}
			printed.WriteString(line)
			if ended || err != nil {
				done <- result{strings.TrimSuffix(printed.String(), "\n"), err}
				return
			}
		}
	}()
	select {
	case r := <-done:
		require.NoError(t, r.err, line)
		return r.text
	case <-time.After(5 * time.Minute):
		t.Fatalf("no end of: %s", line)
		return ""
	}
}
