//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/orderbridge/orderbridge/deploy/folderlock"
)

var (
	soak = time.Duration(0) // how long faults are injected at least
	many = 5_000            // how many orders there are where it is about many
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	var err error
	seed = rand.Uint64N(1_000_000)
	if text := os.Getenv("E2E_SEED"); text != "" {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			return fail(fmt.Errorf("E2E_SEED: %w", err))
		}
	}
	if text := os.Getenv("E2E_MINUTES"); text != "" {
		minutes, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fail(fmt.Errorf("E2E_MINUTES: %w", err))
		}
		soak = time.Duration(minutes * float64(time.Minute))
	}
	if text := os.Getenv("E2E_ORDERS"); text != "" {
		if many, err = strconv.Atoi(text); err != nil || many < 1000 {
			return fail(fmt.Errorf("E2E_ORDERS must be a number from 1000 on"))
		}
	}
	fmt.Printf("E2E_SEED=%d\n", seed)

	const pattern = "orderbridge-e2e-*"
	folderlock.Sweep(os.TempDir(), pattern) // what runs left that were killed
	dir, lock, err := folderlock.Temp(os.TempDir(), pattern)
	if err != nil {
		return fail(err)
	}
	defer lock.Close()
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil { // PostgreSQL, which may run as another user, passes through it
		return fail(err)
	}
	allData = dir
	program = filepath.Join(dir, "orderbridge")
	build := exec.Command("go", "build", "-o", program, "../..")
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		return fail(fmt.Errorf("build: %w", err))
	}
	return m.Run()
}
