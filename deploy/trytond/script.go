//go:build linux

package trytond

import (
	"context"
	"embed"
	"os"
	"os/exec"
	"path"
	"path/filepath"
)

//go:embed scripts/*.py
var scripts embed.FS

func mustScript(name string) []byte {
	text, err := scripts.ReadFile(path.Join("scripts", name))
	if err != nil {
		panic(err) // it is embedded
	}
	return text
}

// Script makes the command of a Python script, which is written to a folder first.
func Script(ctx context.Context, dir, name string, text []byte, env ...string) (*exec.Cmd, error) {
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, Python, "-W", "ignore", file)
	cmd.Env = append(os.Environ(), env...)
	return cmd, nil
}
