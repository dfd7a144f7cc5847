//go:build linux

package trytond

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Packages are those of Debian that the server and its client library are in. WebClient is the one with the server's own
// pages, which everything works without.
const (
	Packages  = "tryton-server tryton-modules-sale tryton-modules-web-shop tryton-proteus python3-psycopg2"
	WebClient = "tryton-sao"
)

const (
	modulesFolder = "/usr/lib/python3/dist-packages"
	pagesFolder   = "/usr/share/tryton-sao/www"

	// Python is Debian's: another one on PATH does not find Debian's packages.
	Python = "/usr/bin/python3"
)

// Installation is where Tryton's programs are.
type Installation struct {
	server, admin string
	pages         string // folder of the web client; empty without one
}

// Find finds the programs, or fails with what to install.
func Find() (*Installation, error) {
	i := &Installation{}
	for _, module := range []string{"trytond/modules/sale", "trytond/modules/web_shop", "proteus", "psycopg2"} {
		if _, err := os.Stat(filepath.Join(modulesFolder, module)); err != nil {
			return nil, missing(err)
		}
	}
	for name, path := range map[string]*string{"trytond": &i.server, "trytond-admin": &i.admin} {
		var err error
		if *path, err = exec.LookPath(name); err != nil {
			return nil, missing(err)
		}
	}
	if _, err := os.Stat(pagesFolder); err == nil {
		i.pages = pagesFolder
	}
	return i, nil
}

// HasPages reports whether servers have the web client.
func (i *Installation) HasPages() bool { return i.pages != "" }

func missing(err error) error {
	return fmt.Errorf("no Tryton (%w): run `apt-get install --no-install-recommends %s`", err, Packages)
}
