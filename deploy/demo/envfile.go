//go:build linux

package demo

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// variable is one line of demo.env.
type variable struct {
	name, value string
}

const envHeader = `# The running orderbridge demo, for a shell:  set -a; . %s; set +a
# Written anew whenever a process is started again; gone when the demo has ended.
# A token is one that its side accepts: A_PEER_TOKEN_B is what the bridge of side b shows to side a, and
# A_PEER_TOKEN that of its first peer.
`

// writeEnv replaces the file in one step, so that a reader never sees half of it. It holds secrets and
// is for its owner only.
func writeEnv(path string, variables []variable) (err error) {
	var text bytes.Buffer
	fmt.Fprintf(&text, envHeader, quote(path))
	for _, v := range variables {
		fmt.Fprintf(&text, "%s=%s\n", v.name, quote(v.value))
	}
	f, err := os.CreateTemp(filepath.Dir(path), envFileName+".*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(text.Bytes())
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// quote makes one word of the shell's.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// envFiles are demo.env and what a killed demo left of writing it. A user's demo.env.bak is not.
var envFiles = regexp.MustCompile(`^` + regexp.QuoteMeta(envFileName) + `(\.[0-9]+)?$`)

func removeEnv(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if envFiles.MatchString(e.Name()) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
