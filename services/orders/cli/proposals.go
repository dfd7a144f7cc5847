package cli

import (
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/contracts"
)

// decideProposal is the command that approves, or rejects, what is proposed for a case.
func decideProposal(verb, short, question string) *cobra.Command {
	cmd := &cobra.Command{Use: verb + " ID", Short: short, Args: cobra.ExactArgs(1)}
	peer := cmd.Flags().String("peer", "", "towards which side, where there are several")
	yes := yesFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		c, err := side.collision(cmd.Context(), args[0], *peer)
		if err != nil {
			return err
		}
		if c.Proposal == nil {
			return coded{fmt.Errorf("nothing is proposed for order %s", c.ID), ExitNotFound}
		}
		if err := printCollision(cmd, c); err != nil {
			return err
		}
		if err := confirmed(cmd, *yes, question); err != nil {
			return err
		}
		_, err = side.send(cmd.Context(), http.MethodPost, casePath("collisions", c.ID, c.Peer, "/"+verb), nil, contracts.ProposalDecision{Proposal: c.Proposal.ID})
		if err != nil {
			return err
		}
		done := map[string]string{"approve": "approved and resolved", "reject": "rejected"}[verb]
		_, err = fmt.Fprintln(cmd.OutOrStdout(), done)
		return err
	}
	return cmd
}

// proposalText says what is proposed, by whom, and since when.
func proposalText(p *contracts.Proposal) string {
	what := "an order of their own"
	switch {
	case p.Take != "":
		what = "to take " + p.Take
	case p.Order == nil:
		what = "something that cannot be read"
	}
	text := fmt.Sprintf("%s by %s, %s ago", what, p.By, age(p.At, time.Now()))
	switch {
	case p.Void && p.Take == "" && p.Order == nil:
		text += "; void"
	case p.Void:
		text += "; void, as the case has moved since"
	}
	return text
}
