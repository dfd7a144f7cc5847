//go:build linux

package demo

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// guideText is what the user reads when all is up. A line that begins with # is a heading.
//
//go:embed guide.txt
var guideText string

// graphGuideText is the same for more than two sides.
//
//go:embed graphguide.txt
var graphGuideText string

// guide tells what to open and what to try, as commands that work as they stand.
func (d *demo) guide() error {
	env := filepath.Join(d.options.Dir, envFileName)
	if env == envFileName {
		env = "./" + env // the shell would look for a bare name in its PATH
	}
	guide, words := guideText, []string(nil)
	if len(d.sides) > sidesMin {
		guide, words = graphGuideText, d.graphWords()
	}
	if d.behind != nil {
		guide, words = d.behind.guide(), d.behind.words()
	}
	text := strings.NewReplacer(append(words,
		"{ENV}", shellWord(env), "{PROGRAM}", shellWord(d.programName()), "{DIR}", shellWord(d.options.Dir),
		"{A}", d.sides[0].url(), "{B}", d.sides[1].url(), "{PERSON}", personName,
		"{A_PASSWORD}", d.sides[0].secrets.person, "{B_PASSWORD}", d.sides[1].secrets.person,
	)...).Replace(guide)
	if isTerminal(d.options.Out) {
		text = bold(text)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := io.WriteString(d.options.Out, "\n"+text+"\n")
	return err
}

// graphWords are the parts of the guide that are there for each side.
func (d *demo) graphWords() []string {
	var logins, commands strings.Builder
	for _, s := range d.sides {
		fmt.Fprintf(&logins, "  %s/admin   side %s, with %s: %s, %s\n", s.url(), s.name, namesOf(s.peers), personName, s.secrets.person)
		upper := strings.ToUpper(s.name)
		fmt.Fprintf(&commands, "  %s() { ORDERBRIDGE_URL=$%s_URL ORDERBRIDGE_TOKEN=$%s_ADMIN_TOKEN %s \"$@\"; }\n", s.name, upper, upper, shellWord(d.programName()))
	}
	return []string{"{N}", strconv.Itoa(len(d.sides)), "{LOGINS}", logins.String(), "{COMMANDS}", commands.String(), "{LAST}", d.sides[len(d.sides)-1].name}
}

// programName is how the user can call us: by name if that leads here.
func (d *demo) programName() string {
	name := filepath.Base(d.options.Program)
	if found, err := exec.LookPath(name); err == nil {
		if found, err = filepath.EvalSymlinks(found); err == nil && found == d.options.Program {
			return name
		}
	}
	return d.options.Program
}

// shellWord quotes only where it is needed, for the eye.
func shellWord(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/", r)
	}) {
		return quote(s)
	}
	return s
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	fi, err := f.Stat()
	return err == nil && fi.Mode()&os.ModeCharDevice != 0
}

func bold(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "#") {
			lines[i] = "\x1b[1m" + line + "\x1b[0m"
		}
	}
	return strings.Join(lines, "\n")
}
