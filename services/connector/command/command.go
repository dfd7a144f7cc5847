// Package command wires a connector's parts together: settings, the adapter and mapping of a profile, and the Orders
// service of its side.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/services/connector"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/cli"
	"github.com/orderbridge/orderbridge/services/orders/command"
	"github.com/orderbridge/orderbridge/services/orders/postgres"
	"github.com/orderbridge/orderbridge/settings"
)

// Command runs a connector, and has the commands of its operators below it.
func Command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "connector",
		Short: "Run the side of a shop or ERP that knows nothing of orderbridge (settings: CONNECTOR_* and ORDERS_*)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := Load()
			if err != nil {
				return err
			}
			return command.Run(cmd.Context(), func(side string, store *postgres.Store, log *zap.Logger) (command.Behind, error) {
				system, mapping, err := cfg.open()
				if err != nil {
					return nil, err
				}
				return connector.New(cfg.options(side), system, mapping, store.Connector(), log), nil
			})
		},
	}
	cmd.AddCommand(cli.SystemStatus(), cli.SystemProbe(), cli.SystemSync(), cli.SystemCreate(), cli.SystemGiveUp(), dryRun())
	return cmd
}

func (c *Config) options(side string) connector.Options {
	return connector.Options{
		Side: side, Mode: connector.Mode(c.Mode), Poll: c.Poll, Sweep: c.Sweep, Gone: c.Gone, Now: now,
		Webhook: connector.Webhook{Secret: c.HintsSecret, Signature: c.HintsHeader, ID: c.HintsOrderID},
	}
}

// now is the clock, as fine as the database keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// dryRun reads all orders of the system, and reports which of them could be taken over.
func dryRun() *cobra.Command {
	return &cobra.Command{
		Use:   "dry-run",
		Short: "Read all orders of the system once and report which can be taken over; needs no database and writes nothing",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := Load()
			if err != nil {
				return err
			}
			system, mapping, err := cfg.open()
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return report(ctx, cmd.OutOrStdout(), system, mapping)
		},
	}
}

// report reads all orders, and prints how many could be taken over and why the others could not.
func report(ctx context.Context, w io.Writer, system foreign.System, mapping foreign.Mapping) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	seen, refused := map[string]bool{}, 0 // pages may overlap
	for after, more := "", true; more; {
		page, next, err := system.All(ctx, after)
		if err != nil {
			return fmt.Errorf("list orders: %w", err)
		}
		for _, one := range page {
			if seen[one.ID] {
				continue
			}
			seen[one.ID] = true
			why, err := readable(ctx, system, mapping, one)
			if err != nil {
				return err
			}
			if why == "" {
				continue
			}
			if refused++; refused == 1 {
				fmt.Fprintln(t, "order\treason")
			}
			fmt.Fprintf(t, "%s\t%s\n", cli.Plain(one.ID), cli.Plain(why))
		}
		after, more = next, next != ""
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d orders, %d can be taken over, %d cannot; nothing was written\n", len(seen), len(seen)-refused, refused)
	return err
}

// readable says why an order cannot be taken over; empty when it can.
func readable(ctx context.Context, system foreign.System, mapping foreign.Mapping, one foreign.Candidate) (why string, err error) {
	doc := one.Document
	if doc == nil {
		if doc, err = system.Get(ctx, one.ID); err != nil {
			return "", fmt.Errorf("read order %s: %w", one.ID, err)
		}
	}
	if mapping.Deleted(doc) {
		return "", nil
	}
	o, _, err := mapping.Read(doc, uuid.New(), nil, nil)
	if refusal, ok := errors.AsType[*foreign.Refusal](err); ok {
		return refusal.Error(), nil
	}
	if err != nil {
		return "", fmt.Errorf("read order %s: %w", one.ID, err)
	}
	_, err = orders.NewSeen(o)
	if invalid, ok := errors.AsType[*orders.Error](err); ok && invalid.Kind == orders.Invalid {
		return orders.RefusalText(invalid.Fields), nil
	}
	return "", err
}

// ShowConfig is the command that prints the connector's settings in force, without the secrets.
func ShowConfig() *cobra.Command {
	return &cobra.Command{
		Use:   "connector",
		Short: "Print the settings of `orderbridge connector`, besides those of `orderbridge serve`",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var c Config
			if err := settings.Load(Prefix, &c); err != nil {
				return err
			}
			return settings.Print(cmd.OutOrStdout(), Prefix, &c)
		},
	}
}
