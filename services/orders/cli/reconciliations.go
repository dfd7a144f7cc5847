package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/contracts"
)

// Reconciliations is the command for comparisons of both sides, which a bridge runs for the service.
func Reconciliations() *cobra.Command {
	cmd := &cobra.Command{Use: "reconciliations", Short: "List, show, start, confirm and drop comparisons of both sides, which the bridge runs"}
	addRemoteFlags(cmd)
	cmd.AddCommand(listReconciliations(), showReconciliation(), startReconciliation(), confirmReconciliation(), dropReconciliation())
	return cmd
}

const pathReconciliations = "/admin/api/reconciliations"

func listReconciliations() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List them, newest first", Args: cobra.NoArgs}
	peer := cmd.Flags().String("peer", "", "only with this side")
	limit := cmd.Flags().Int("limit", 20, "how many, at most 500")
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		q := url.Values{"limit": {strconv.Itoa(*limit)}}
		if *peer != "" {
			q.Set("peer", *peer)
		}
		var list contracts.ReconciliationList
		got, err := side.get(cmd.Context(), pathReconciliations+"?"+q.Encode(), &list)
		if err != nil {
			return err
		}
		if *format == "json" {
			return printJSON(cmd, got.body)
		}
		t := newTable(cmd.OutOrStdout(), "ID", "PEER", "CAUSE", "STATE", "REQUESTED", "BY", "EQUAL", "REASON")
		for _, r := range list.Reconciliations {
			equal := ""
			if r.Report != nil && r.State == "done" {
				equal = strconv.FormatBool(r.Report.Equal)
			}
			t.row(r.ID, r.Peer, r.Cause, r.State, clock(r.RequestedAt), r.RequestedBy, equal, shortened(r.Reason, 60))
		}
		return t.end()
	}
	return cmd
}

func showReconciliation() *cobra.Command {
	cmd := &cobra.Command{Use: "show ID", Short: "Show what one has found and done, or will do", Args: cobra.ExactArgs(1)}
	wait := cmd.Flags().Bool("wait", false, "wait until it has ended or needs confirmation")
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		return side.follow(cmd, args[0], *wait, *format)
	}
	return cmd
}

func startReconciliation() *cobra.Command {
	cmd := &cobra.Command{
		Use: "start [PEER]", Short: "Ask the bridge to compare both sides and make them equal", Args: cobra.MaximumNArgs(1),
		Long: `Ask the bridge to compare both sides and make them equal. With --wait it ends with 0 where they are
equal after it, or where a dry run has ended, and with 3 when someone has to confirm. Where one is open
already, --wait follows that one.`,
	}
	dryRun := cmd.Flags().Bool("dry-run", false, "compare and change nothing")
	all := cmd.Flags().Bool("all", false, "the orders too that were left out with confirm --except")
	wait := cmd.Flags().Bool("wait", false, "wait until it has ended or needs confirmation")
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		peer, err := side.onlyPeer(cmd.Context(), args)
		if err != nil {
			return err
		}
		got, err := side.send(cmd.Context(), http.MethodPost, pathReconciliations, nil, contracts.ReconciliationRequest{Peer: peer, DryRun: *dryRun, All: *all})
		if refused, ok := errors.AsType[*refusal](err); ok && refused.status == http.StatusConflict && *wait && !*all {
			return side.join(cmd, peer, *dryRun, err, *format)
		}
		if err != nil {
			return err
		}
		var r contracts.Reconciliation
		if err := json.Unmarshal(got.body, &r); err != nil {
			return err
		}
		if *wait {
			return side.follow(cmd, r.ID, true, *format)
		}
		if *format == "json" {
			return printJSON(cmd, got.body)
		}
		return printReconciliation(cmd.OutOrStdout(), &r)
	}
	return cmd
}

// join follows the open reconciliation with a peer, if it is of the kind that was asked for.
func (r *remote) join(cmd *cobra.Command, peer string, dryRun bool, refused error, format output) error {
	var list contracts.ReconciliationList
	if _, err := r.get(cmd.Context(), pathReconciliations+"?"+url.Values{"peer": {peer}, "limit": {"1"}}.Encode(), &list); err != nil {
		return err
	}
	if len(list.Reconciliations) == 0 {
		return refused
	}
	open := &list.Reconciliations[0]
	if open.DryRun != dryRun || !slices.Contains(contracts.ReconciliationStates[:4], open.State) {
		return refused
	}
	if _, err := fmt.Fprintf(cmd.ErrOrStderr(), "reconciliation %s is open already, requested by %s at %s: waiting for it\n", open.ID, open.RequestedBy, clock(open.RequestedAt)); err != nil {
		return err
	}
	return r.follow(cmd, open.ID, true, format)
}

func confirmReconciliation() *cobra.Command {
	cmd := &cobra.Command{
		Use: "confirm ID", Short: "Confirm the plan of a reconciliation that is held", Args: cobra.ExactArgs(1),
	}
	except := cmd.Flags().StringSlice("except", nil, "ids of orders to be left as they are, separated by commas")
	yes := yesFlag(cmd)
	decide(cmd, yes, "confirm", "Confirm this plan?", func() any { return contracts.ReconciliationConfirmation{Except: *except} })
	return cmd
}

func dropReconciliation() *cobra.Command {
	cmd := &cobra.Command{Use: "drop ID", Short: "End one that is open; what it has done stays", Args: cobra.ExactArgs(1)}
	decide(cmd, yesFlag(cmd), "drop", "Drop it?", func() any { return nil })
	return cmd
}

// decide has a command show a reconciliation, ask, and tell the side what a person decided.
func decide(cmd *cobra.Command, yes *bool, action, question string, body func() any) {
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		path := pathReconciliations + "/" + url.PathEscape(args[0])
		var r contracts.Reconciliation
		if _, err := side.get(cmd.Context(), path, &r); err != nil {
			return err
		}
		if *format != "json" {
			if err := printReconciliation(cmd.OutOrStdout(), &r); err != nil {
				return err
			}
		}
		if err := confirmed(cmd, *yes, question); err != nil {
			return err
		}
		var got *reply
		if v := body(); v != nil {
			got, err = side.send(cmd.Context(), http.MethodPost, path+"/"+action, nil, v)
		} else {
			got, err = side.call(cmd.Context(), http.MethodPost, path+"/"+action, nil, nil)
		}
		switch {
		case err != nil:
			return err
		case *format == "json":
			return printJSON(cmd, got.body)
		}
		if err := json.Unmarshal(got.body, &r); err != nil {
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), Plain(r.State))
		return err
	}
}

// followEvery is how often a reconciliation that is waited for is looked at.
const followEvery = time.Second

// follow shows a reconciliation, and with wait only once it moves on no more by itself.
func (r *remote) follow(cmd *cobra.Command, id string, wait bool, format output) error {
	for {
		var one contracts.Reconciliation // anew: what an answer leaves out is not what the one before said
		got, err := r.get(cmd.Context(), pathReconciliations+"/"+url.PathEscape(id), &one)
		if err != nil {
			return err
		}
		if !wait || slices.Contains([]string{"held", "done", "failed", "dropped"}, one.State) {
			if format == "json" {
				err = printJSON(cmd, got.body)
			} else {
				err = printReconciliation(cmd.OutOrStdout(), &one)
			}
			if err != nil || !wait {
				return err
			}
			return outcome(&one)
		}
		select {
		case <-cmd.Context().Done():
			return cmd.Context().Err()
		case <-time.After(followEvery):
		}
	}
}

// outcome is how a command ends that has waited for a reconciliation.
func outcome(r *contracts.Reconciliation) error {
	switch {
	case r.State == "held":
		return person("needs confirmation: orderbridge reconciliations confirm, or drop, %s", r.ID)
	case r.State == "failed":
		return coded{fmt.Errorf("it failed: %s", Plain(r.Reason)), ExitFailed}
	case r.State == "done" && !r.DryRun && (r.Report == nil || !r.Report.Equal):
		return person("both sides are not proved equal")
	}
	return nil
}

// onlyPeer is the peer that was named, or the only one.
func (r *remote) onlyPeer(ctx context.Context, args []string) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	var list contracts.PeerList
	if _, err := r.get(ctx, "/admin/api/peers", &list); err != nil {
		return "", err
	}
	if len(list.Peers) != 1 {
		return "", usage("say which PEER: there are %d", len(list.Peers))
	}
	return list.Peers[0].Peer, nil
}

// planShown is how many orders of a plan are printed; -o json has more.
const planShown = 20

func printReconciliation(w io.Writer, r *contracts.Reconciliation) error {
	t := newTable(w)
	t.row("reconciliation", r.ID)
	state := r.State
	if r.DryRun {
		state += ", a dry run"
	}
	t.row("with", r.Peer, state)
	t.row("asked for", clock(r.RequestedAt), r.RequestedBy+" ("+r.Cause+")")
	if r.DecidedAt != nil {
		t.row("decided", clock(*r.DecidedAt), r.DecidedBy)
	}
	if r.FinishedAt != nil {
		t.row("ended", clock(*r.FinishedAt))
	}
	if r.Reason != "" {
		t.row("reason", r.Reason)
	}
	if r.Report != nil {
		printReport(t, r.Report)
	}
	return t.end()
}

func printReport(t *table, r *contracts.ReconcileReport) {
	t.row("phase", r.Phase, "by "+r.Strategy)
	t.row("orders", fmt.Sprintf("%d on %s, %d on %s, %d compared", r.Orders, r.Side, r.OrdersThere, r.Peer, r.Compared))
	for _, effect := range contracts.ReconcileEffects {
		if n := r.Effects[effect]; n > 0 {
			t.row("  "+effect, n)
		}
	}
	for i, o := range r.Plan {
		if i == planShown {
			t.row("  and " + several(len(r.Plan)-i, "more order"))
			break
		}
		t.row("  "+o.ID, o.Kind, o.Effect)
	}
	for _, e := range r.Invalid {
		t.row("  "+e.ID, "not compared", "the entry of "+e.Side+" is not valid: "+e.Reason)
	}
	for _, figure := range []struct {
		name string
		n    int
	}{{"left out", r.LeftOut}, {"moving", r.Moving}, {"wait for a person", r.Waiting}, {"sent", r.Sent}} {
		if figure.n > 0 {
			t.row(figure.name, figure.n)
		}
	}
	t.row("took", fmt.Sprintf("%d passes, %d requests, %d bytes, %.1f s", r.Passes, r.Requests, r.Bytes, r.Seconds))
	if r.Equal {
		t.row("proved equal", fmt.Sprintf("at %s:%d / %s:%d", r.Side, r.Position, r.Peer, r.PositionThere), r.Hash)
	}
}
