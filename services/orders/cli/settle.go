package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/contracts"
)

// settleMany settles the named cases, or those that a choice takes, one way: it shows what that comes to,
// and then settles what can be, as it was shown.
func (r *remote) settleMany(cmd *cobra.Command, ids []string, c *choice, take string, yes bool, format output) error {
	planned, err := r.planned(cmd.Context(), ids, c, take)
	if err != nil {
		return err
	}
	var cases []contracts.ChosenCase
	done := newTally()
	for _, p := range planned {
		if p.Settled || p.Proposed {
			cases = append(cases, contracts.ChosenCase{ID: p.ID, Peer: p.Peer, Version: p.Version})
		} else {
			done.fail(p.ID, p.Reason)
		}
	}
	if format != "json" {
		if err := printPlanned(cmd, planned); err != nil || len(planned) == 0 {
			return err
		}
	}
	if len(cases) > 0 {
		if err := confirmed(cmd, yes, fmt.Sprintf("Settle %s by taking %s?", several(len(cases), "case"), take)); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(cases, contracts.CasesMax) {
		result, err := r.settle(cmd.Context(), contracts.CollisionSettlement{Take: take, Cases: some})
		if err != nil {
			return printSettled(cmd, format, done, err)
		}
		done.Settled, done.Proposed = done.Settled+result.Settled, done.Proposed+result.Proposed
		for _, one := range result.Cases {
			if !one.Settled && !one.Proposed {
				done.fail(one.ID, one.Reason)
			}
		}
	}
	return printSettled(cmd, format, done, nil)
}

// planned tells what would become of the named cases, or of those that a choice takes.
func (r *remote) planned(ctx context.Context, ids []string, c *choice, take string) (out []contracts.SettledCase, err error) {
	s := contracts.CollisionSettlement{Take: take, DryRun: true}
	for some := range slices.Chunk(ids, contracts.CasesMax) {
		s.Cases = nil
		for _, id := range some {
			s.Cases = append(s.Cases, contracts.ChosenCase{ID: id, Peer: c.peer})
		}
		result, err := r.settle(ctx, s)
		if err != nil {
			return nil, err
		}
		out = append(out, result.Cases...)
	}
	if len(ids) > 0 {
		return out, nil
	}
	s.Peer, s.OrderNumber, s.OpenSeconds = c.peer, c.number, int64(c.older/time.Second)
	for {
		result, err := r.settle(ctx, s)
		if err != nil {
			return nil, err
		}
		out = append(out, result.Cases...)
		if s.After = result.Next; s.After == "" {
			return out, nil
		}
	}
}

func (r *remote) settle(ctx context.Context, s contracts.CollisionSettlement) (*contracts.CollisionSettlementResult, error) {
	got, err := r.send(ctx, http.MethodPost, "/admin/api/collisions/settle", nil, s)
	if err != nil {
		return nil, err
	}
	var result contracts.CollisionSettlementResult
	if err := json.Unmarshal(got.body, &result); err != nil {
		return nil, fmt.Errorf("read what became of the cases: %w", err)
	}
	return &result, nil
}

// printPlanned prints what would become of cases.
func printPlanned(cmd *cobra.Command, planned []contracts.SettledCase) error {
	t := newTable(cmd.OutOrStdout(), "ID", "NUMBER", "PEER", "DIFFERS", "OUTCOME")
	for _, p := range planned {
		outcome := "resolved"
		switch {
		case p.Proposed:
			outcome = "proposed"
		case !p.Settled:
			outcome = "left: " + p.Reason
		}
		if p.Deleted {
			outcome += ", the order is deleted"
		}
		t.row(p.ID, p.OrderNumber, p.Peer, p.Differs, outcome)
	}
	return t.end()
}
