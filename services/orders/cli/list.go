package cli

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/contracts"
)

// choice is which rows of a list of cases a command is about.
type choice struct {
	peer, number, reason string
	older                time.Duration
	limit                int
}

func (c *choice) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.peer, "peer", "", "only towards this side")
	cmd.Flags().StringVar(&c.number, "number", "", "only orders whose number begins so")
	cmd.Flags().DurationVar(&c.older, "older", 0, "only what has been open for longer, such as 24h")
}

func (c *choice) takes(o *contracts.AdminOrder, now time.Time) bool {
	return (c.peer == "" || o.Peer == c.peer) && strings.HasPrefix(o.OrderNumber, c.number) &&
		strings.Contains(o.Reason, c.reason) && now.Sub(o.Since) >= c.older
}

// cases reads the chosen rows of a list of the admin, page by page, up to the limit; 0 is no limit.
func (r *remote) cases(ctx context.Context, path string, c *choice) (rows []contracts.AdminOrder, err error) {
	rows = []contracts.AdminOrder{}
	now := time.Now()
	q := url.Values{"limit": {"500"}}
	if c.peer != "" {
		q.Set("peer", c.peer)
	}
	for address := path + "?" + q.Encode(); address != ""; {
		var page contracts.AdminOrderPage
		if _, err := r.get(ctx, address, &page); err != nil {
			return nil, err
		}
		for i := range page.Orders {
			if !c.takes(&page.Orders[i], now) {
				continue
			}
			if c.limit > 0 && len(rows) == c.limit {
				return rows, nil
			}
			rows = append(rows, page.Orders[i])
		}
		address = page.Next
	}
	return rows, nil
}

// listCases is the command that lists collisions, or errors.
func listCases(short, path string, c *choice) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: short, Args: cobra.NoArgs}
	c.flags(cmd)
	cmd.Flags().IntVar(&c.limit, "limit", 50, "how many at most; 0 is all")
	quiet := quietFlag(cmd)
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		rows, err := side.cases(cmd.Context(), path, c)
		switch {
		case err != nil:
			return err
		case *format == "json":
			return printValue(cmd, contracts.AdminOrderPage{Orders: rows})
		}
		t := newTable(cmd.OutOrStdout())
		if !*quiet {
			t.row("ID", "NUMBER", "PEER", "STATE", "FOR", "REASON")
		}
		for _, o := range rows {
			if *quiet {
				t.row(o.ID)
				continue
			}
			reason := o.Reason
			if o.ProposedBy != "" {
				reason = "needs approval, proposed by " + o.ProposedBy
			}
			t.row(o.ID, o.OrderNumber, o.Peer, o.State, age(o.Since, time.Now()), shortened(reason, 60))
		}
		return t.end()
	}
	return cmd
}

// casePath is the address of an order's case towards a peer, which may be left out where there is only one.
func casePath(list, id, peer, action string) string {
	path := "/admin/api/" + list + "/" + url.PathEscape(id) + action
	if peer != "" {
		path += "?" + url.Values{"peer": {peer}}.Encode()
	}
	return path
}

// several says how many of a thing there are.
func several(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
