//go:build linux

package demo

import (
	_ "embed"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// guideText is what the user reads when all is up. A line that begins with # is a heading.
//
//go:embed guide.txt
var guideText string

// guide tells what to open and what to try, as commands that work as they stand.
func (d *demo) guide() error {
	env := filepath.Join(d.options.Dir, envFileName)
	if env == envFileName {
		env = "./" + env // the shell would look for a bare name in its PATH
	}
	guide, words := guideText, []string(nil)
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
