package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/contracts"
)

// Collisions is the command for orders that both sides changed without knowing of each other.
func Collisions() *cobra.Command {
	cmd := &cobra.Command{Use: "collisions", Short: "List, show and resolve collisions: orders that two sides changed"}
	addRemoteFlags(cmd)
	cmd.AddCommand(listCases("List the cases, by order", "/admin/api/collisions", &choice{}), showCollision(), resolveCollision(),
		decideProposal("approve", "Approve a resolution that someone else proposed", "Approve it?"),
		decideProposal("reject", "Reject what is proposed for a case; it stays as it is", "Reject it?"))
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

// opaque is what an entity tag names, without its quotes and the mark of a proxy that made it weak.
func opaque(tag string) string { return strings.Trim(strings.TrimPrefix(tag, "W/"), `"`) }

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
		Use: "resolve ID... | resolve --all", Short: "Resolve collisions: take one version, the merge of both, single fields, or an order from a file",
		Long: `Resolve collisions: take our version, the peer's, the merge of both, single fields of either, or an order from a file.
A case that has changed since it was read is left as it is, and reported.
Where a second person has to agree, the resolution is only proposed until someone else approves it.`,
		Example: `  orderbridge collisions resolve ID --take theirs
  orderbridge collisions resolve ID --pick /shippingMinor=theirs --pick /internalNote=ours
  orderbridge collisions resolve --all --older 24h --take merged --yes`,
	}
	var c choice
	c.flags(cmd)
	take := cmd.Flags().String("take", "", "ours, theirs or merged")
	picks := cmd.Flags().StringArray("pick", nil, "`FIELD=ours|theirs`: whose value a field has, by its pointer in `collisions show`; fields that are not named are merged")
	file := cmd.Flags().StringP("file", "f", "", "file with the order as it shall be; - is standard input")
	tag := cmd.Flags().String("if-match", "", "the case as `TAG` of `collisions show` names it; else as it is now")
	all := cmd.Flags().Bool("all", false, "all cases, or those that the other flags choose")
	yes := yesFlag(cmd)
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case (len(args) == 0) != *all:
			return usage("name orders, or say --all")
		case len(slices.DeleteFunc([]bool{*take != "", len(*picks) > 0, *file != ""}, func(there bool) bool { return !there })) != 1:
			return usage("give --take, --pick or --file")
		case *take != "" && !slices.Contains(contracts.Takes, *take):
			return usage("--take must be %s", strings.Join(contracts.Takes, ", "))
		case len(args) != 1 && (*file != "" || len(*picks) > 0 || *tag != ""):
			return usage("--file, --pick and --if-match are for one case")
		}
		picked, err := readPicks(*picks)
		if err != nil {
			return err
		}
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		if len(args) != 1 {
			return side.settleMany(cmd, args, &c, *take, *yes, *format)
		}
		one, err := side.collision(cmd.Context(), args[0], c.peer)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		if *tag != "" {
			one.tag = `"` + opaque(*tag) + `"`
		}
		body, question, err := resolution(cmd, *take, picked, *file)
		if err != nil {
			return err
		}
		if *format != "json" {
			if err := printCollision(cmd, one); err != nil {
				return err
			}
		}
		if err := confirmed(cmd, *yes, question); err != nil {
			return err
		}
		done, err := side.resolve(cmd.Context(), one, body)
		return printSettled(cmd, *format, done, err)
	}
	return cmd
}

func yesFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().BoolP("yes", "y", false, "do not ask")
}

// tally is what became of cases, as a command tells it.
type tally struct {
	contracts.ErrorSettlementResult
	Proposed int `json:"proposed,omitzero"`
}

func newTally() tally {
	return tally{ErrorSettlementResult: contracts.ErrorSettlementResult{Failed: []contracts.SettlementFailure{}}}
}

func (t *tally) fail(id, reason string) {
	t.Failed = append(t.Failed, contracts.SettlementFailure{ID: id, Reason: reason})
}

// resolve settles a case as it was seen, or proposes to.
func (r *remote) resolve(ctx context.Context, c *seen, body []byte) (done tally, err error) {
	done = newTally()
	got, err := r.call(ctx, http.MethodPost, casePath("collisions", c.ID, c.Peer, "/resolve"), map[string]string{"If-Match": c.tag}, body)
	switch code := ExitCode(err); {
	case err == nil && got.status == http.StatusAccepted:
		done.Proposed++
	case err == nil:
		done.Settled++
	case code == ExitFailed, code == ExitUsage:
		return done, fmt.Errorf("%s: %w", c.ID, err)
	default:
		done.fail(c.ID, err.Error())
	}
	return done, nil
}

// printSettled tells what was settled or proposed and what was not, and why.
func printSettled(cmd *cobra.Command, format output, done tally, err error) error {
	if format == "json" {
		if err := printValue(cmd, done); err != nil {
			return err
		}
	} else {
		for _, f := range done.Failed {
			if _, err := fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", f.ID, Plain(f.Reason)); err != nil {
				return err
			}
		}
		text := "resolved " + several(done.Settled, "order")
		if done.Proposed > 0 {
			text = "proposed for " + several(done.Proposed, "order") + "; someone else has to approve it"
		}
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), text); err != nil {
			return err
		}
	}
	if err == nil && len(done.Failed) > 0 {
		err = person("%s could not be resolved", several(len(done.Failed), "order"))
	}
	return err
}

// readPicks reads FIELD=ours or FIELD=theirs; a pointer may have = in it.
func readPicks(given []string) (map[string]string, error) {
	var picks map[string]string
	for _, pick := range given {
		i := strings.LastIndexByte(pick, '=')
		if i <= 0 || !slices.Contains([]string{"ours", "theirs"}, pick[i+1:]) {
			return nil, usage("--pick %s must be FIELD=ours or FIELD=theirs", pick)
		}
		if picks == nil {
			picks = map[string]string{}
		}
		if _, twice := picks[pick[:i]]; twice {
			return nil, usage("--pick names %s twice", pick[:i])
		}
		picks[pick[:i]] = pick[i+1:]
	}
	return picks, nil
}

// resolution is the body that resolves a case, and the question before.
func resolution(cmd *cobra.Command, take string, picks map[string]string, file string) (body []byte, question string, err error) {
	switch {
	case picks != nil:
		body, err = encode(contracts.Resolution{Picks: picks})
		return body, "Resolve the case by these picks?", err
	case file == "":
		body, err = encode(contracts.Resolution{Take: take})
		return body, fmt.Sprintf("Resolve the case by taking %s?", take), err
	}
	given, err := readFile(cmd, file)
	if err != nil {
		return nil, "", err
	}
	body, err = encode(map[string]json.RawMessage{"order": given})
	return body, "Resolve the case by what is in " + file + "?", err
}
