package bridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// Strategies, besides auto as contracts.ReconcileStrategies names them.
const (
	strategyAuto   = "auto"
	strategyLog    = "log"
	strategyRanges = "ranges"
)

// logMost is up to how long a log both are read whole; above it, the ranges whose fingerprints differ are
// gone down into.
const logMost = 5000

// errByLog tells that both logs are short enough to be read whole.
var errByLog = errors.New("both logs are short")

// errMoved tells that the peer's log went on for an order between reading and sending.
var errMoved = errors.New("the peer's log has moved")

// problemLogMoved is the type of the problem document that tells so.
const problemLogMoved = contracts.ProblemTypePrefix + "log-moved"

// compare looks for the differences by the strategy that fits. Found gets them with the place in the
// peer's log that they are true for, or without.
func (r *reconciler) compare(ctx context.Context, c *comparison, found func([]difference, string)) error {
	c.logMost = map[string]int64{strategyRanges: -1, strategyAuto: logMost, strategyLog: contracts.VersionNumberMax}[r.strategy]
	err := c.run(ctx, func(list []difference) { found(list, "") })
	if !errors.Is(err, errByLog) {
		return err
	}
	r.set(func(rep *contracts.ReconcileReport) { rep.Strategy = strategyLog })
	return c.runLog(ctx, found)
}

// runLog holds both logs against each other. An order that moved while they were read is under way and
// no difference; what is due is given time first, as in run.
func (c *comparison) runLog(ctx context.Context, found func([]difference, string)) error {
	first, err := c.readLogs(ctx, "", "")
	if err != nil {
		return err
	}
	list := c.withoutInvalid(differences(first.here, first.there))
	if len(list) == 0 {
		return nil
	}
	due := slices.ContainsFunc(slices.Collect(maps.Values(list)), difference.underWay)
	if due && !c.leaveDue && !c.delivered {
		if err := sleep(ctx, underWayWait, nil); err != nil {
			return err
		}
	}
	since, err := c.readLogs(ctx, first.endHere, first.endThere)
	if err != nil {
		return err
	}
	var still []difference
	for id, d := range list {
		if since.here[id] != nil || since.there[id] != nil || c.leaveDue && d.underWay() {
			c.moving++
			continue
		}
		still = append(still, d)
	}
	c.compared = c.ordersHere
	slices.SortFunc(still, func(x, y difference) int { return strings.Compare(x.id, y.id) })
	if len(still) > 0 {
		found(still, since.endThere)
	}
	return nil
}

// logs is what both sides' logs tell from a place on: the newest entry of each order, and where they end.
type logs struct {
	here, there       map[string]*contracts.Entry
	endHere, endThere string
}

func (c *comparison) readLogs(ctx context.Context, fromHere, fromThere string) (l logs, err error) {
	if l.here, l.endHere, err = c.log(ctx, c.here, c.sideHere, fromHere); err != nil {
		return l, err
	}
	l.there, l.endThere, err = c.log(ctx, c.there, c.sideThere, fromThere)
	return l, err
}

// log reads a side's log from a place on: the newest entry of each order, and the place where it ends.
func (c *comparison) log(ctx context.Context, of *client, side, after string) (map[string]*contracts.Entry, string, error) {
	out := map[string]*contracts.Entry{}
	for {
		query := c.pageOf(of)
		if after != "" {
			query.Set("after", after)
		}
		c.step()
		page, err := fetchPage[transactionPage](ctx, c, of, "/orders/transactions?"+query.Encode())
		if err != nil {
			return nil, "", err
		}
		if page.Side != side || page.Cursor == "" || len(page.Cursor) > contracts.CursorLengthMax {
			return nil, "", fmt.Errorf("%s: speaks for another side, or names no place in its log", of.target)
		}
		for _, raw := range page.Entries {
			if _, err := c.take(raw, side, out); err != nil {
				return nil, "", fmt.Errorf("%s: %w", of.target, err)
			}
		}
		if c.logMost == logMost && len(out) > 2*logMost {
			return nil, "", fmt.Errorf("%s: tells of more orders than its log can have", of.target)
		}
		if page.Next != "" && page.Cursor == after {
			return nil, "", fmt.Errorf("%s: the next page does not go on", of.target)
		}
		after = page.Cursor
		if page.Next == "" {
			return out, after, nil
		}
	}
}
