//go:build linux

package packages

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// ErrMissing reports that the machine does not have a program.
var ErrMissing = errors.New("missing")

// Program is a program that a package of the distribution brings.
type Program struct {
	Name      string                 // for people
	Package   string                 // name of the package, in Debian
	Find      func() (string, error) // returns where the program is, or ErrMissing
	Otherwise string                 // what to do where the package cannot be installed
}

// PrivateRoot is the folder into which Ensure unpacks a package for a user who may not install packages.
func PrivateRoot(name string) (string, error) {
	all, err := privateFolder()
	return filepath.Join(all, name), err
}

func privateFolder() (string, error) {
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "orderbridge"), err
}

// Environment returns the variables that a program needs if Ensure unpacked it privately: where its libraries and
// its fonts are. Other programs need none.
func Environment(path string) []string {
	all, err := privateFolder()
	if err != nil {
		return nil // without a cache folder nothing is unpacked there
	}
	below, ok := strings.CutPrefix(path, all+"/")
	if !ok {
		return nil
	}
	name, _, _ := strings.Cut(below, "/")
	root := filepath.Join(all, name)
	env := []string{"LD_LIBRARY_PATH=" + strings.Join(libraries(root), ":")}
	if fonts := filepath.Join(root, fontsFile); exists(fonts) {
		env = append(env, "FONTCONFIG_FILE="+fonts)
	}
	return env
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

var sharedLibrary = regexp.MustCompile(`^lib.*\.so(\.|$)`)

// libraries returns the folders with shared libraries, those that hold most to search first.
func libraries(root string) []string {
	var dirs []string
	for _, top := range []string{"usr/lib", "lib"} {
		_ = filepath.WalkDir(filepath.Join(root, top), func(path string, e fs.DirEntry, err error) error {
			if dir := filepath.Dir(path); err == nil && sharedLibrary.MatchString(e.Name()) && !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
			return nil // a package may have no such folder
		})
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") })
	return dirs
}
