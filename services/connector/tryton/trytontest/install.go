//go:build linux

package trytontest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Packages are those of Debian that the server and its client library are in.
const Packages = "tryton-server tryton-modules-sale tryton-modules-web-shop tryton-proteus python3-psycopg2"

// python is Debian's: another one on PATH does not find Debian's packages.
const python = "/usr/bin/python3"

// find returns the programs trytond and trytond-admin.
func find() (server, admin string, err error) {
	for _, module := range []string{"trytond/modules/sale", "trytond/modules/web_shop", "proteus", "psycopg2"} {
		if _, err := os.Stat(filepath.Join("/usr/lib/python3/dist-packages", module)); err != nil {
			return "", "", missing(err)
		}
	}
	for name, path := range map[string]*string{"trytond": &server, "trytond-admin": &admin} {
		if *path, err = exec.LookPath(name); err != nil {
			return "", "", missing(err)
		}
	}
	return server, admin, nil
}

func missing(err error) error {
	return fmt.Errorf("no Tryton (%w): run `apt-get install --no-install-recommends %s`", err, Packages)
}
