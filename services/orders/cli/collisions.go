package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/contracts"
)

// Collisions is the command for orders that both sides changed without knowing of each other.
func Collisions() *cobra.Command {
	cmd := &cobra.Command{Use: "collisions", Short: "List, show and settle what both sides changed without knowing of each other"}
	addRemoteFlags(cmd)
	cmd.AddCommand(listCases("List the cases, by order", "/admin/api/collisions", &choice{}), showCollision(), resolveCollision())
	return cmd
}

// seen is a case and the tag by which the side knows whether it is still the same.
type seen struct {
	contracts.Collision
	tag  string
	body []byte
}

func (r *remote) collision(ctx context.Context, id, peer string) (*seen, error) {
	var c seen
	got, err := r.get(ctx, casePath("collisions", id, peer, ""), &c.Collision)
	if err != nil {
		return nil, err
	}
	c.tag, c.body = got.header.Get("ETag"), got.body
	return &c, nil
}

func showCollision() *cobra.Command {
	cmd := &cobra.Command{Use: "show ID", Short: "Show a case: base, ours and theirs, field by field", Args: cobra.ExactArgs(1)}
	peer := cmd.Flags().String("peer", "", "towards which side, where there are several")
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		c, err := side.collision(cmd.Context(), args[0], *peer)
		switch {
		case err != nil:
			return err
		case *format == "json":
			return printJSON(cmd, c.body)
		}
		return printCollision(cmd, c)
	}
	return cmd
}

func resolveCollision() *cobra.Command {
	cmd := &cobra.Command{
		Use: "resolve ID... | resolve --all", Short: "Settle cases: take ours, theirs, what merging makes of both, or an order from a file",
		Long: `Settle cases: take ours, theirs, what merging makes of both, or an order from a file.
A case is settled as it was seen: one that has changed since is left alone, and told of.`,
		Example: `  orderbridge collisions resolve ID --take theirs
  orderbridge collisions resolve --all --older 24h --take merged --yes`,
	}
	var c choice
	c.flags(cmd)
	take := cmd.Flags().String("take", "", "ours, theirs or merged")
	file := cmd.Flags().StringP("file", "f", "", "file with the order as it shall be; - is standard input")
	tag := cmd.Flags().String("if-match", "", "the case as `TAG` of `collisions show` names it; else as it is now")
	all := cmd.Flags().Bool("all", false, "all cases, or those that the other flags choose")
	yes := yesFlag(cmd)
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case (len(args) == 0) != *all:
			return usage("name orders, or say --all")
		case (*take == "") == (*file == ""):
			return usage("say --take or --file")
		case *take != "" && *take != "ours" && *take != "theirs" && *take != "merged":
			return usage("--take must be ours, theirs or merged")
		case len(args) != 1 && (*file != "" || *tag != ""):
			return usage("--file and --if-match are for one case")
		}
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		var given json.RawMessage
		if *file != "" {
			if given, err = readFile(cmd, *file); err != nil {
				return err
			}
		}
		cases, err := side.chosen(cmd.Context(), args, &c)
		if err != nil {
			return err
		}
		if *format != "json" {
			if err := printCases(cmd, cases); err != nil || len(cases) == 0 {
				return err
			}
		}
		if *tag != "" {
			cases[0].tag = `"` + strings.Trim(*tag, `"`) + `"`
		}
		question := fmt.Sprintf("Settle %s by taking %s?", several(len(cases), "case"), *take)
		if given != nil {
			question = "Settle the case by what is in " + *file + "?"
		}
		if err := confirmed(cmd, *yes, question); err != nil {
			return err
		}
		done, err := side.resolve(cmd.Context(), cases, *take, given)
		return printSettled(cmd, *format, done, err)
	}
	return cmd
}

func yesFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().BoolP("yes", "y", false, "do not ask")
}

// chosen reads the named cases, or those that a choice takes.
func (r *remote) chosen(ctx context.Context, ids []string, c *choice) (cases []*seen, err error) {
	rows := make([]contracts.AdminOrder, len(ids))
	for i, id := range ids {
		rows[i] = contracts.AdminOrder{ID: id, Peer: c.peer}
	}
	if len(ids) == 0 {
		if rows, err = r.cases(ctx, "/admin/api/collisions", c); err != nil {
			return nil, err
		}
	}
	for _, o := range rows {
		one, err := r.collision(ctx, o.ID, o.Peer)
		if err != nil && len(ids) == 0 && ExitCode(err) == ExitNotFound {
			continue // settled while we were looking
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.ID, err)
		}
		cases = append(cases, one)
	}
	return cases, nil
}

// resolve settles cases as they were seen. It goes on past one that cannot be settled.
func (r *remote) resolve(ctx context.Context, cases []*seen, take string, given json.RawMessage) (done contracts.ErrorSettlementResult, err error) {
	done.Failed = []contracts.SettlementFailure{}
	for _, c := range cases {
		body, err := resolution(c, take, given)
		if err == nil {
			_, err = r.call(ctx, http.MethodPost, casePath("collisions", c.ID, c.Peer, "/resolve"), map[string]string{"If-Match": c.tag}, body)
		}
		switch ExitCode(err) {
		case 0:
			done.Settled++
		case ExitFailed, ExitUsage:
			return done, fmt.Errorf("%s: %w", c.ID, err)
		default:
			done.Failed = append(done.Failed, contracts.SettlementFailure{ID: c.ID, Reason: err.Error()})
		}
	}
	return done, nil
}

// printSettled tells what was settled and what was not, and why.
func printSettled(cmd *cobra.Command, format output, done contracts.ErrorSettlementResult, err error) error {
	if format == "json" {
		if err := printValue(cmd, done); err != nil {
			return err
		}
	} else {
		for _, f := range done.Failed {
			if _, err := fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", f.ID, plain(f.Reason)); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "settled %s\n", several(done.Settled, "order")); err != nil {
			return err
		}
	}
	if err == nil && len(done.Failed) > 0 {
		err = person("%s could not be settled", several(len(done.Failed), "order"))
	}
	return err
}

// resolution is the body that settles a case.
func resolution(c *seen, take string, given json.RawMessage) ([]byte, error) {
	if take != "merged" {
		if given != nil {
			return json.Marshal(map[string]json.RawMessage{"order": given})
		}
		return json.Marshal(contracts.Resolution{Take: take})
	}
	if c.Merged == nil {
		return nil, person("there is nothing to merge: one of both is deleted or cannot be read, or they do not fit together")
	}
	for _, f := range c.Differs {
		if f.Contested && f.Pick == "" {
			return nil, person("both changed %s: somebody has to decide", plain(f.Pointer))
		}
	}
	return json.Marshal(contracts.Resolution{Order: c.Merged})
}
