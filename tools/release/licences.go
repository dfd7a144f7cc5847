package main

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
)

const licencesFile = "THIRD_PARTY_LICENSES.txt"

var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|copyright)([-._].*)?$`)

// licences writes the licence texts of Go and of every module that is linked into any of the programs, and fails
// for one without a text.
func (r *release) licences(ctx context.Context) error {
	linked := map[string]string{} // version by path
	for _, b := range r.built {
		info, err := buildinfo.ReadFile(b.binary)
		if err != nil {
			return err
		}
		for _, m := range info.Deps {
			linked[m.Path] = m.Version
		}
	}
	folders, err := r.moduleFolders(ctx)
	if err != nil {
		return err
	}
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	var text strings.Builder
	text.WriteString("Orderbridge is licensed under the Apache License 2.0, which is in LICENSE. It contains what follows.\n")
	if err := appendLicences(&text, "Go", "its standard library and runtime", strings.TrimSpace(string(goroot))); err != nil {
		return err
	}
	var paths []string
	for path := range linked {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		if err := appendLicences(&text, path, linked[path], folders[path]); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(r.out, licencesFile), []byte(text.String()), 0o644)
}

func (r *release) moduleFolders(ctx context.Context) (map[string]string, error) {
	list := exec.CommandContext(ctx, "go", "list", "-m", "-json=Path,Dir", "all")
	list.Dir = r.root
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list -m all: %w", err)
	}
	folders := map[string]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var m struct{ Path, Dir string }
		switch err := d.Decode(&m); {
		case errors.Is(err, io.EOF):
			return folders, nil
		case err != nil:
			return nil, err
		}
		folders[m.Path] = m.Dir
	}
}

func appendLicences(text *strings.Builder, name, version, folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("licence of %s: %w", name, err)
	}
	found := false
	for _, e := range entries {
		if e.IsDir() || !licenceName.MatchString(e.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return err
		}
		found = true
		fmt.Fprintf(text, "\n%s\n%s %s: %s\n\n%s\n", strings.Repeat("=", 80), name, version, e.Name(), strings.TrimSpace(string(content)))
	}
	if !found {
		return fmt.Errorf("%s %s has no text of a licence", name, version)
	}
	return nil
}

// goVersion is that of the programs.
func (r *release) goVersion() (string, error) {
	info, err := buildinfo.ReadFile(r.built[0].binary)
	if err != nil {
		return "", err
	}
	return info.GoVersion, nil
}

// modules are the paths and versions that a program contains.
func modules(binary string) ([]*debug.Module, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	return info.Deps, nil
}
