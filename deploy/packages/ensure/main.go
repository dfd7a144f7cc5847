//go:build linux

// Command ensure installs the programs that the tests need and this machine does not have.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/orderbridge/orderbridge/deploy/packages"
	"github.com/orderbridge/orderbridge/deploy/pgcluster"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := packages.Ensure(ctx, os.Stdout, pgcluster.PostgreSQL, packages.Chromium); err != nil {
		fmt.Fprintln(os.Stderr, err)
		cancel()
		os.Exit(1)
	}
}
