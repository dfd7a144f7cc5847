package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/contracts"
)

// Errors is the command for orders that one side refuses, or that the brake holds.
func Errors() *cobra.Command {
	cmd := &cobra.Command{Use: "errors", Short: "List, retry or drop orders that one side refuses, or that the brake holds"}
	addRemoteFlags(cmd)
	var c choice
	list := listCases("List the orders in error, by order", "/admin/api/errors", &c)
	list.Flags().StringVar(&c.reason, "reason", "", "only with this in the reason")
	cmd.AddCommand(list, errorReasons(),
		settleErrors("retry", "theirs", "Retry orders in error: check again what this side refused or holds, or send our version again", "Retry %s?"),
		settleErrors("drop", "ours", "Drop the version of the peer: ours becomes the newest", "Drop the version of the peer for %s?"))
	return cmd
}

// errorReasons is the command that counts the reasons.
func errorReasons() *cobra.Command {
	cmd := &cobra.Command{Use: "reasons", Short: "Count the orders in error by their reason", Args: cobra.NoArgs}
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		rows, err := side.cases(cmd.Context(), "/admin/api/errors", &choice{})
		if err != nil {
			return err
		}
		type group struct {
			Count  int    `json:"count"`
			Peer   string `json:"peer"`
			Reason string `json:"reason"`
		}
		groups := []group{}
		for _, o := range rows {
			i := slices.IndexFunc(groups, func(g group) bool { return g.Peer == o.Peer && g.Reason == o.Reason })
			if i < 0 {
				i, groups = len(groups), append(groups, group{Peer: o.Peer, Reason: o.Reason})
			}
			groups[i].Count++
		}
		slices.SortStableFunc(groups, func(x, y group) int { return y.Count - x.Count })
		if *format == "json" {
			return printValue(cmd, groups)
		}
		t := newTable(cmd.OutOrStdout(), "COUNT", "PEER", "REASON")
		for _, g := range groups {
			t.row(g.Count, g.Peer, g.Reason)
		}
		return t.end()
	}
	return cmd
}

// settleErrors is the command that settles orders in error by taking one side's version.
func settleErrors(name, take, short, question string) *cobra.Command {
	cmd := &cobra.Command{Use: name + " ID... | " + name + " --all", Short: short}
	var c choice
	c.flags(cmd)
	cmd.Flags().StringVar(&c.reason, "reason", "", "only with this in the reason")
	all := cmd.Flags().Bool("all", false, "all orders in error, or those that the other flags choose")
	yes := yesFlag(cmd)
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if (len(args) == 0) != *all {
			return usage("name orders, or say --all")
		}
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		rows, err := side.cases(cmd.Context(), "/admin/api/errors", &c)
		if err != nil {
			return err
		}
		if !*all {
			if rows, err = named(rows, args); err != nil {
				return err
			}
		}
		if *format != "json" {
			t := newTable(cmd.OutOrStdout(), "ID", "NUMBER", "PEER", "STATE", "REASON")
			for _, o := range rows {
				t.row(o.ID, o.OrderNumber, o.Peer, o.State, shortened(o.Reason, 60))
			}
			if err := t.end(); err != nil || len(rows) == 0 {
				return err
			}
		}
		if err := confirmed(cmd, *yes, fmt.Sprintf(question, several(len(rows), "order"))); err != nil {
			return err
		}
		done, err := side.settleErrors(cmd.Context(), rows, take)
		return printSettled(cmd, *format, done, err)
	}
	return cmd
}

// named are the rows of some orders.
func named(rows []contracts.AdminOrder, ids []string) (out []contracts.AdminOrder, err error) {
	for _, id := range ids {
		before := len(out)
		for _, o := range rows {
			if o.ID == id {
				out = append(out, o)
			}
		}
		if len(out) == before {
			return nil, coded{fmt.Errorf("order %s is in no error", id), ExitNotFound}
		}
	}
	return out, nil
}

// settleErrors settles rows, in as few calls as may be.
func (r *remote) settleErrors(ctx context.Context, rows []contracts.AdminOrder, take string) (done tally, err error) {
	done = newTally()
	byPeer := map[string][]string{}
	for _, o := range rows {
		byPeer[o.Peer] = append(byPeer[o.Peer], o.ID)
	}
	for peer, ids := range byPeer {
		for some := range slices.Chunk(ids, contracts.SettleMax) {
			got, err := r.send(ctx, http.MethodPost, "/admin/api/errors/settle", nil, contracts.ErrorSettlement{Peer: peer, IDs: some, Take: take})
			if err != nil {
				return done, err
			}
			var result contracts.ErrorSettlementResult
			if err := json.Unmarshal(got.body, &result); err != nil {
				return done, err
			}
			done.Settled, done.Failed = done.Settled+result.Settled, append(done.Failed, result.Failed...)
		}
	}
	return done, nil
}
