package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// What is settled is counted while its table is small, up to some 10,000 orders. Above that it is estimated as the planner
// does it, from the size of a table or an index and how full its pages were when it was last analysed: counting takes
// as long as there are many, and "about 1,203,000" says as much.
//
// What is open is counted always. Where it is so much that each page would count for long, from openMany on, a count
// is trusted for countTrust times as long as it took, but no longer than openTrust.
const (
	countTrust = 10
	openMany   = 5_000
	openTrust  = time.Second
)

// Counts reads the figures of a status; they are not to be changed.
func (s *Store) Counts(ctx context.Context) (orders.Counts, error) {
	c, many, turn := s.open.again()
	if many { // one counts, and the others wait for it
		select {
		case s.recount <- struct{}{}:
			defer func() { <-s.recount }()
		case <-ctx.Done():
			return orders.Counts{}, translate(ctx.Err(), "count")
		}
		c, _, turn = s.open.again()
	}
	if c != nil {
		return *c, nil
	}
	now, err := s.count(ctx)
	if err == nil {
		s.open.keep(now, time.Since(now.At), turn)
	}
	return now, err
}

func (s *Store) count(ctx context.Context) (orders.Counts, error) {
	started := time.Now()
	c := orders.Counts{At: started, States: map[string]map[ordersync.State]int64{}, Due: map[string]int64{}, Oldest: map[string]orders.Oldest{}}
	settled := map[string]map[ordersync.State]int64{}
	b := &pgx.Batch{}
	b.Queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	b.Queue(countOrders).QueryRow(func(row pgx.Row) error { return row.Scan(&c.Orders, &c.Estimated) })
	b.Queue(countSettled).Query(func(rows pgx.Rows) error { return readSettled(rows, settled, &c.Estimated) })
	b.Queue(countOutbox).QueryRow(func(row pgx.Row) error {
		var since *time.Time
		err := row.Scan(&c.Outbox, &since)
		if since != nil {
			c.OutboxSince = *since
		}
		return err
	})
	b.Queue(countOpen).Query(func(rows pgx.Rows) error { return readOpen(rows, &c) })
	b.Queue("COMMIT")
	if err := s.batch(ctx, b); err != nil {
		return c, translate(err, "count")
	}
	for peer, states := range settled {
		open := c.States[peer]
		if open == nil {
			open = map[ordersync.State]int64{}
			c.States[peer] = open
		}
		deleted := states[ordersync.DelSynced]
		// None stands for all links; what is left of them is OK.
		open[ordersync.OK] = max(0, states[ordersync.None]-deleted-sum(open))
		open[ordersync.DelSynced] = deleted
	}
	return c, nil
}

// readOpen reads how many links are open in each state, and which of those that are due is the oldest.
func readOpen(rows pgx.Rows, c *orders.Counts) error {
	var peer string
	var state int16
	var n, due int64
	var since *time.Time
	var id *uuid.UUID
	_, err := pgx.ForEachRow(rows, []any{&peer, &state, &n, &due, &since, &id}, func() error {
		c.Due[peer] += due
		keepState(c.States, peer, state, n)
		if oldest, known := c.Oldest[peer]; id != nil && (!known || since.Before(oldest.Since)) {
			c.Oldest[peer] = orders.Oldest{ID: *id, State: ordersync.State(state), Since: *since}
		}
		return nil
	})
	return err
}

func readSettled(rows pgx.Rows, settled map[string]map[ordersync.State]int64, estimated *bool) error {
	var peer string
	var state int16
	var n int64
	var about bool
	_, err := pgx.ForEachRow(rows, []any{&peer, &state, &n, &about}, func() error {
		keepState(settled, peer, state, n)
		*estimated = *estimated || about
		return nil
	})
	return err
}

func keepState(states map[string]map[ordersync.State]int64, peer string, state int16, n int64) {
	if states[peer] == nil {
		states[peer] = map[ordersync.State]int64{}
	}
	states[peer][ordersync.State(state)] = n
}
