package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/settings"
)

// ReconcileCommand is `orderbridge reconcile`.
func ReconcileCommand() *cobra.Command {
	var dryRun bool
	var format, strategy string
	cmd := &cobra.Command{
		Use:   "reconcile [PEER]",
		Short: "Compare this side with a peer and make both equal (settings: BRIDGE_*, as of a bridge)",
		Long: "Compare this side with a peer, the one where there is one, by their REST APIs and make them equal: tell the peer what it lacks or has older, and\n" +
			"fetch what it has newer. What both changed becomes a collision, as ever. It needs no broker, and may run\n" +
			"beside bridges or without any, paused or not. Run again it sends nothing. It fails where both are not proved\n" +
			"equal after it: orders wait for a person, or move all the while.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("-o must be text or json")
			}
			if !slices.Contains([]string{strategyAuto, strategyLog, strategyRanges}, strategy) {
				return fmt.Errorf("--strategy must be auto, log or ranges")
			}
			var c Config
			if err := settings.Load(settingsPrefix, &c); err != nil {
				return err
			}
			if err := c.Validate(); err != nil {
				return fmt.Errorf("settings:\n%w", err)
			}
			peer, err := c.chosen(args)
			if err != nil {
				return err
			}
			log, err := settings.NewLogger(c.LogLevel, c.LogFormat)
			if err != nil {
				return err
			}
			defer log.Sync() // standard error cannot always be synced
			ctx, cancel := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer cancel()
			return reconcileNow(ctx, cmd, c, peer, log, dryRun, strategy, format)
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "compare once and change nothing")
	cmd.Flags().StringVar(&strategy, "strategy", strategyAuto, "log: read both logs whole; ranges: go down into the ranges that differ; auto: by the length of the logs")
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	return cmd
}

// chosen is the peer that an argument names, or the one that there is.
func (c Config) chosen(args []string) (remote, error) {
	peers := c.remotes()
	if len(args) == 0 && len(peers) == 1 {
		return peers[0], nil
	}
	var names []string
	for _, p := range peers {
		if len(args) == 1 && p.name == args[0] {
			return p, nil
		}
		names = append(names, p.name)
	}
	return remote{}, fmt.Errorf("say which peer: %s", strings.Join(names, ", "))
}

// reconcileNow runs a reconciliation that the own service gives out, or this one.
func reconcileNow(ctx context.Context, cmd *cobra.Command, c Config, peer remote, log *zap.Logger, dryRun bool, strategy, format string) error {
	toLocal, toRemote, err := c.transport(log)
	if err != nil {
		return err
	}
	local := newClient("local", c.LocalURL, c.LocalToken, c.Workers, nil, nil).overTLS(toLocal)
	p := newPipe(c, peer, local, toRemote[peer.name], newMetrics(prometheus.NewRegistry(), peer.name), &failedCalls{}, log.Named("reconcile"))
	(&clerk{pipe: p}).greet(ctx)
	job, err := p.claimPatiently(ctx, contracts.ReconciliationClaim{Peer: peer.name, Runner: p.instance, Begin: true, DryRun: dryRun})
	if err != nil {
		return fmt.Errorf("local: %w", err)
	}
	r := newReconciler(p.separate())
	r.strategy = strategy
	ended := r.showProgress(cmd.ErrOrStderr())
	err = r.carryOut(ctx, job)
	ended()
	report := r.Report()
	if printed := printReport(cmd.OutOrStdout(), report, format, dryRun); err == nil {
		err = printed
	}
	switch {
	case errors.Is(err, errHeld):
		return fmt.Errorf("%w; a person lets it go on with: orderbridge reconciliations confirm %s", err, job.ID)
	case err != nil:
		return fmt.Errorf("not finished, run it again: %w", err)
	case report.Equal || dryRun:
		return nil
	case report.Waiting > 0:
		return fmt.Errorf("not equal: %d orders wait for a person, as collisions or errors", report.Waiting)
	case report.LeftOut > 0:
		return fmt.Errorf("not equal: %d orders were left out", report.LeftOut)
	}
	return fmt.Errorf("not proved equal in %d passes: %d orders were moving, as people work", report.Passes, report.Moving)
}

func printReport(w io.Writer, r *contracts.ReconcileReport, format string, dryRun bool) error {
	if format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "orders\t%d on %s, %d on %s\n", r.Orders, r.Side, r.OrdersThere, r.Peer)
	for _, kind := range differenceKinds {
		if n := r.Found[kind]; n > 0 {
			fmt.Fprintf(t, "%s\t%d\n", differenceText(kind, r.Side, r.Peer), n)
		}
	}
	for _, effect := range contracts.ReconcileEffects {
		if n := r.Effects[effect]; n > 0 {
			fmt.Fprintf(t, "  %s\t%d\n", effectText(effect, r.Side, r.Peer, dryRun), n)
		}
	}
	for i, o := range r.Plan {
		if i == planShown {
			fmt.Fprintf(t, "  and %d more\t\n", total(r.Found)-i)
			break
		}
		fmt.Fprintf(t, "  %s\t%s\n", o.ID, effectText(o.Effect, r.Side, r.Peer, dryRun))
	}
	for _, e := range r.Invalid {
		fmt.Fprintf(t, "  %s\t%s\n", e.ID, invalidText(e))
	}
	if r.LeftOut > 0 {
		fmt.Fprintf(t, "left out\t%d\n", r.LeftOut)
	}
	if r.Moving > 0 {
		fmt.Fprintf(t, "under way\t%d\n", r.Moving)
	}
	if r.Waiting > 0 {
		fmt.Fprintf(t, "wait for a person\t%d\n", r.Waiting)
	}
	fmt.Fprintf(t, "sent\t%d\n", r.Sent)
	fmt.Fprintf(t, "took\t%d passes by %s, %d requests, %d bytes, %.1f s\n", r.Passes, r.Strategy, r.Requests, r.Bytes, r.Seconds)
	if r.Equal {
		fmt.Fprintf(t, "proved equal\t%d orders at %s:%d / %s:%d, %s\n", r.Orders, r.Side, r.Position, r.Peer, r.PositionThere, r.Hash)
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

// planShown is how many orders are listed one by one; -o json has more.
const planShown = 20

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// effectText says what becomes of an order, or has become of it.
func effectText(effect, side, peer string, toCome bool) string {
	does := map[string][2]string{
		effectCreatesHere: {"copied to " + side, "to be copied to " + side}, effectCreatesThere: {"copied to " + peer, "to be copied to " + peer},
		effectReplacesHere: {"replaced on " + side, "to be replaced on " + side}, effectReplacesThere: {"replaced on " + peer, "to be replaced on " + peer},
		effectDeletesHere: {"deleted on " + side, "to be deleted on " + side}, effectDeletesThere: {"deleted on " + peer, "to be deleted on " + peer},
		effectCollides: {"collided", "will collide"}, effectAgrees: {"agreed upon", "to be agreed upon"},
	}[effect]
	if toCome {
		return does[1]
	}
	return does[0]
}
