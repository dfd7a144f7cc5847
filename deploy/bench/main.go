//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == brokerCommand {
		if err := runBroker(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	var asJSON bool
	s := fullSizes
	s.flags(flag.CommandLine)
	flag.BoolVar(&asJSON, "json", false, "print one line of JSON after the table")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "bench: takes flags only, see -help")
		os.Exit(2)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	r, err := run(ctx, s)
	cancel()
	if r != nil { // measured, even if it did not end well
		err = errors.Join(err, r.print(os.Stdout, asJSON))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
