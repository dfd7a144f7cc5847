// Package profiles has the profiles that come with the program, one folder each, written from the public documentation
// of the systems.
package profiles

import (
	"embed"
	"fmt"
	"io/fs"

	"github.com/orderbridge/orderbridge/services/connector/profile"
)

//go:embed */profile.yaml */samples/*.json
var folders embed.FS

// Names lists the profiles.
func Names() []string {
	entries, err := folders.ReadDir(".")
	if err != nil {
		panic(err) // an embedded folder can be read
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// Load loads a profile by its name.
func Load(name string) (*profile.Mapping, error) {
	folder, err := fs.Sub(folders, name)
	if err != nil {
		return nil, err
	}
	m, err := profile.Load(folder)
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", name, err)
	}
	return m, nil
}
