//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	o, asJSON := options()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	result, err := run(ctx, o)
	cancel()
	if err == nil {
		err = result.print(os.Stdout, asJSON)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options reads the command line; what is given by name wins over -quick.
func options() (o sizes, asJSON bool) {
	quick := flag.Bool("quick", false, "a smaller run, of some 80 seconds")
	flag.BoolVar(&asJSON, "json", false, "print one line of JSON after the table")
	var given sizes
	given.flags(flag.CommandLine, fullSizes)
	flag.Parse()
	if !*quick {
		return given, asJSON
	}
	// Read once more, from the smaller defaults.
	again := flag.NewFlagSet(os.Args[0], flag.ExitOnError)
	again.Bool("quick", true, "")
	again.Bool("json", false, "")
	given.flags(again, quickSizes)
	_ = again.Parse(os.Args[1:]) // has been parsed above, and would end the program
	return given, asJSON
}
