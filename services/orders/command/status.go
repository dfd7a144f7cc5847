package command

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Status is the command that shows on one screen how a side stands.
func Status() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how a side stands: states, pending, stream, bridges, alarms",
		Args:  cobra.NoArgs,
	}
	addRemoteFlags(cmd)
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		var s contracts.Status
		out, err := side.get(cmd.Context(), "/admin/api/status", &s)
		if err != nil {
			return err
		}
		if *output == "json" {
			return printJSON(cmd, out.body)
		}
		return printStatus(cmd.OutOrStdout(), &s)
	}
	return cmd
}

func printStatus(w io.Writer, s *contracts.Status) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	row := func(cells ...any) { fmt.Fprintln(t, strings.TrimSuffix(fmt.Sprintln(cells...), "\n")) }
	row("side\t" + s.Side + "\t(epoch " + s.Epoch + ")")
	row(fmt.Sprintf("orders\t%d", s.Orders))
	row(fmt.Sprintf("outbox\t%d", s.Outbox))
	if b := s.Broker; b.Stream != nil {
		row(fmt.Sprintf("stream\t%d messages, %d bytes, sequence %d to %d", b.Stream.Messages, b.Stream.Bytes, b.Stream.FirstSeq, b.Stream.LastSeq))
	} else {
		row("stream\t" + b.Error)
	}
	for _, p := range s.Peers {
		row()
		row("towards\t" + p.Peer)
		for _, state := range ordersync.States[:ordersync.ErrorSynced] {
			if n := p.States[state.String()]; n > 0 {
				row(fmt.Sprintf("  %s\t%d", state, n))
			}
		}
		row(fmt.Sprintf("  pending\t%d", p.Pending))
		if p.Oldest != nil {
			row(fmt.Sprintf("  oldest\t%s %s for %s", p.Oldest.ID, p.Oldest.State, time.Duration(p.Oldest.AgeSeconds*float64(time.Second)).Round(time.Second)))
		}
		if c := p.Consumer; c != nil {
			row(fmt.Sprintf("  consumer\t%d unprocessed, %d outstanding acks, %d redelivered", c.Pending, c.AckPending, c.Redelivered))
		}
		for _, b := range p.Bridges {
			row(fmt.Sprintf("  bridge\t%s %s, circuit %s, %d delivered", b.Instance, b.State, b.Circuit, b.Delivered))
		}
		for _, a := range p.Alarms {
			row("  alarm\t" + a)
		}
	}
	return t.Flush()
}

// Healthcheck is the command that asks a running program whether it is ready, for containers.
func Healthcheck() *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck [ADDR]",
		Short: "Ask the program at ADDR (default: ORDERS_HTTP_ADDR or BRIDGE_HTTP_ADDR) whether it is ready",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			addr := os.Getenv("ORDERS_HTTP_ADDR")
			if addr == "" {
				addr = os.Getenv("BRIDGE_HTTP_ADDR")
			}
			if len(args) == 1 {
				addr = args[0]
			}
			host, port, err := net.SplitHostPort(addr)
			if err != nil {
				return fmt.Errorf("no address to ask: give one, or set ORDERS_HTTP_ADDR or BRIDGE_HTTP_ADDR")
			}
			if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
				host = "127.0.0.1" // listening everywhere means here too
			}
			client := &http.Client{Timeout: 5 * time.Second}
			req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
			if err != nil {
				return err
			}
			res, err := client.Do(req)
			if err != nil {
				return err
			}
			defer res.Body.Close()
			if res.StatusCode/100 != 2 {
				return fmt.Errorf("not ready: %s", res.Status)
			}
			return nil
		},
	}
}
