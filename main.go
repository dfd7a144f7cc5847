// Command orderbridge is the one program: a side's service, its bridge, the demo of two sides, and
// the operator's commands. Each room brings its own command.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/bridge"
	"github.com/orderbridge/orderbridge/deploy/demo"
	connector "github.com/orderbridge/orderbridge/services/connector/command"
	"github.com/orderbridge/orderbridge/services/orders/cli"
	"github.com/orderbridge/orderbridge/services/orders/command"
)

func main() {
	err := root().ExecuteContext(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "orderbridge:", err)
	}
	os.Exit(cli.ExitCode(err))
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:           "orderbridge",
		Short:         "Keep the orders of two independent services equal",
		Long:          "Keep the orders of two independent services equal.\n\n" + cli.ExitHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.AddCommand(command.Serve(), connector.Command(), bridge.Command(), bridge.ReconcileCommand(), demo.Command(), command.Migrate(), command.CleanUp(), command.Admin(),
		cli.Status(), cli.Orders(), cli.Explain(), cli.Collisions(), cli.Errors(), cli.Peers(), cli.Pause(), cli.Resume(), cli.Brake(), cli.Reconciliations(),
		command.Healthcheck(), config(), command.Version())
	cli.MarkUsage(cmd)
	return cmd
}

// config prints the settings of one program, or of all.
func config() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the settings in force, secrets left out",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, program := range cmd.Commands() {
				if err := program.RunE(program, nil); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.AddCommand(command.ShowConfig(), connector.ShowConfig(), bridge.ShowConfig())
	return cmd
}
