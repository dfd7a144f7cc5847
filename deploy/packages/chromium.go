//go:build linux

package packages

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const chromiumPackage = "chromium-headless-shell"

// Chromium is the browser that the tests open the pages with. The package holds a Chromium without a screen, which
// needs fewer libraries than the whole browser.
var Chromium = Program{
	Name: "Chromium", Package: chromiumPackage, Find: findChromium,
	Otherwise: "install Chromium or Chrome, or name its program in E2E_CHROMIUM",
}

// chromiumNames are the programs of whole browsers, and of the shell without a screen, on PATH.
var chromiumNames = []string{"chromium", "chromium-headless-shell", "google-chrome", "google-chrome-stable"}

// findChromium returns $E2E_CHROMIUM, or what Ensure unpacked for this user, or what PATH leads to.
func findChromium() (string, error) {
	if path := os.Getenv("E2E_CHROMIUM"); path != "" {
		return exec.LookPath(path)
	}
	if root, err := PrivateRoot(chromiumPackage); err == nil {
		if path := filepath.Join(root, "usr/lib/chromium/chromium-headless-shell"); exists(path) {
			return path, nil
		}
	}
	for _, name := range chromiumNames {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: no Chromium: run `make deps`, or name one in E2E_CHROMIUM", ErrMissing)
}

const fontsFile = "fonts.conf"

// writeFonts tells an unpacked program where fonts are: its package has them below its own root.
func writeFonts(root, home string) error {
	if !exists(filepath.Join(root, "usr/share/fonts")) {
		return nil
	}
	text := fmt.Sprintf(`<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>%[1]s/usr/share/fonts</dir>
  <cachedir>%[1]s/var/cache/fontconfig</cachedir>
</fontconfig>
`, home)
	return os.WriteFile(filepath.Join(root, fontsFile), []byte(text), 0o644)
}
