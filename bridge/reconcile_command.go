package bridge

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/settings"
)

// ReconcileCommand is `orderbridge reconcile`.
func ReconcileCommand() *cobra.Command {
	var dryRun bool
	var format string
	cmd := &cobra.Command{
		Use:   "reconcile",
		Short: "Compare both sides and make them equal (settings: BRIDGE_*, as of a bridge)",
		Long: "Compare both sides by their REST APIs and make them equal: tell the peer what it lacks or has older, and\n" +
			"fetch what it has newer. What both changed becomes a collision, as ever. It needs no broker, and may run\n" +
			"beside bridges or without any, paused or not. Run again it sends nothing. It fails where both are not proved\n" +
			"equal after it: orders wait for a person, or move all the while.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("-o must be text or json")
			}
			var c Config
			if err := settings.Load(settingsPrefix, &c); err != nil {
				return err
			}
			if err := c.Validate(); err != nil {
				return fmt.Errorf("settings:\n%w", err)
			}
			log, err := settings.NewLogger(c.LogLevel, c.LogFormat)
			if err != nil {
				return err
			}
			defer log.Sync() // standard error cannot always be synced
			ctx, cancel := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer cancel()
			figures := newMetrics()
			p := &pipe{
				side: c.Side, peer: c.Peer, metrics: figures, log: log.Named("reconcile"), instance: strings.ToLower(rand.Text()[:12]), delayMax: c.BackoffMax,
				local:  newClient("local", c.LocalURL, c.LocalToken, c.Workers, figures.observe),
				remote: newClient("remote", c.RemoteURL, c.RemoteToken, c.Workers, figures.observe),
			}
			report, err := p.reconcile(ctx, dryRun)
			if printed := report.print(cmd.OutOrStdout(), format); err == nil {
				err = printed
			}
			switch {
			case err != nil:
				return fmt.Errorf("not finished, run it again: %w", err)
			case report.Equal || dryRun:
				return nil
			case report.Waiting > 0:
				return fmt.Errorf("not equal: %d orders wait for a person, as collisions or errors", report.Waiting)
			}
			return fmt.Errorf("not proved equal in %d passes: %d orders were moving, as people work", report.Passes, report.Moving)
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "compare once and change nothing")
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	return cmd
}

func (r *Report) print(w io.Writer, format string) error {
	if format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "orders\t%d on %s, %d on %s\n", r.Orders, r.Side, r.OrdersThere, r.Peer)
	for _, kind := range differenceKinds {
		if n := r.Found[kind]; n > 0 {
			fmt.Fprintf(t, "%s\t%d\t%s\n", differenceText(kind, r.Side, r.Peer), n, strings.Join(r.Samples[kind], " "))
		}
	}
	if r.Moving > 0 {
		fmt.Fprintf(t, "under way\t%d\n", r.Moving)
	}
	if r.Waiting > 0 {
		fmt.Fprintf(t, "wait for a person\t%d\n", r.Waiting)
	}
	fmt.Fprintf(t, "sent\t%d\n", r.Sent)
	fmt.Fprintf(t, "took\t%d passes, %d requests, %d bytes, %.1f s\n", r.Passes, r.Requests, r.Bytes, r.Seconds)
	if r.Equal {
		fmt.Fprintf(t, "proved equal\t%s\n", r.Hash)
	}
	return t.Flush()
}

func differenceText(kind, side, peer string) string {
	switch kind {
	case onlyHere:
		return "only on " + side
	case onlyThere:
		return "only on " + peer
	case newerHere:
		return "newer on " + side
	case newerThere:
		return "newer on " + peer
	case concurrent:
		return "changed on both"
	}
	return "same version, other content"
}
