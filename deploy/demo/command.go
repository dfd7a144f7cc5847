//go:build linux

package demo

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Command is `orderbridge demo`.
func Command() *cobra.Command {
	var o Options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run two sides or more on this machine, to try things",
		Long: "Run two sides or more on this machine, to try things: for each a PostgreSQL, a service with its JetStream\n" +
			"and a bridge, on 127.0.0.1, until Ctrl-C. Whatever is killed is started again.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			program, err := os.Executable()
			if err != nil {
				return err
			}
			o.Program, o.Out = program, cmd.OutOrStdout()
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			stopOnSignal(cancel)
			return Run(ctx, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Dir, "dir", ".demo", "folder for data, logs and demo.env")
	flags.IntVar(&o.PortBase, "port-base", 8080, "first port: HTTP here, NATS +10, bridge +11, PostgreSQL +20; each further side +100")
	flags.IntVar(&o.Sides, "sides", 2, "how many sides: a, b, c and so on")
	flags.StringVar(&o.Topology, "topology", "star", "which sides are peers: star (a in the middle), chain, ring or mesh")
	flags.BoolVar(&o.TLS, "tls", false, "let all sides speak TLS, with certificates of an authority of the demo's own, and pin the peers")
	flags.BoolVar(&o.Fresh, "fresh", false, "remove the data of earlier runs first")
	flags.StringVar(&o.Shop, "with-shop", "", "make side b a connector to a shop or ERP at +130: a simulated web shop, or, with =tryton, Tryton, whose Debian packages must be installed")
	flags.Lookup("with-shop").NoOptDefVal = shopSimulated
	flags.IntVar(&o.Seed, "seed", 24, "orders to make on each side when there are none yet")
	return cmd
}

// stopOnSignal asks for an orderly end at the first signal. At the second the process ends, and the
// kernel ends its children.
func stopOnSignal(stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		stop()
		<-signals
		fmt.Fprintln(os.Stderr, "ended at once")
		os.Exit(130)
	}()
}
