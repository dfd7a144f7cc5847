package postgres

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Counting takes as long as there are many, and each page shows how much waits. A count is trusted for
// countTrust times as long as it took: of all orders, from countMany on, counted beside the requests; of
// what is open, from openMany on, but no longer than openTrust.
const (
	countTrust = 10
	countMany  = 100_000
	openMany   = 5_000
	openTrust  = time.Second
)

// counted is the last count of all orders: what no index of few rows can tell.
type counted struct {
	mu       sync.Mutex
	orders   int64
	settled  map[string]map[ordersync.State]int64 // deleted on both, and None for all links
	at       time.Time
	cost     time.Duration
	counting bool

	open openCount
}

// Counts reads the figures of a status; they are not to be changed. Where there are very many orders, how
// many there are in all may be some seconds old.
func (s *Store) Counts(ctx context.Context) (orders.Counts, error) {
	c, many, turn := s.counted.open.again()
	if many { // one counts, and the others wait for it
		select {
		case s.recount <- struct{}{}:
			defer func() { <-s.recount }()
		case <-ctx.Done():
			return orders.Counts{}, translate(ctx.Err(), "count")
		}
		c, _, turn = s.counted.open.again()
	}
	if c != nil {
		return *c, nil
	}
	now, err := s.count(ctx)
	if err == nil {
		s.counted.open.keep(now, time.Since(now.At), turn)
	}
	return now, err
}

func (s *Store) count(ctx context.Context) (orders.Counts, error) {
	started := time.Now()
	c := orders.Counts{At: started, States: map[string]map[ordersync.State]int64{}, Due: map[string]int64{}, Oldest: map[string]orders.Oldest{}}
	settled, known := s.knownCount(&c)
	b := &pgx.Batch{}
	b.Queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	if !known {
		settled = map[string]map[ordersync.State]int64{}
		queueSettled(b, &c.Orders, settled)
	}
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
	if !known {
		s.keepCount(c.Orders, settled, time.Since(started))
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

func queueSettled(b *pgx.Batch, all *int64, settled map[string]map[ordersync.State]int64) {
	b.Queue(countOrders).QueryRow(func(row pgx.Row) error { return row.Scan(all) })
	b.Queue(countSettled).Query(func(rows pgx.Rows) error { return readSettled(rows, settled) })
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

func readSettled(rows pgx.Rows, settled map[string]map[ordersync.State]int64) error {
	var peer string
	var state int16
	var n int64
	_, err := pgx.ForEachRow(rows, []any{&peer, &state, &n}, func() error {
		keepState(settled, peer, state, n)
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

// knownCount gives the last count when there are many to count, and has it renewed beside when it
// is old.
func (s *Store) knownCount(c *orders.Counts) (settled map[string]map[ordersync.State]int64, known bool) {
	k := &s.counted
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.orders < countMany {
		return nil, false
	}
	if !k.counting && time.Since(k.at) > countTrust*k.cost {
		k.counting = true
		go s.countAgain()
	}
	c.Orders = k.orders
	return maps.Clone(k.settled), true
}

func (s *Store) keepCount(all int64, settled map[string]map[ordersync.State]int64, cost time.Duration) {
	k := &s.counted
	k.mu.Lock()
	defer k.mu.Unlock()
	k.orders, k.settled, k.cost, k.at = all, settled, cost, time.Now()
}

// countAgain counts all orders, for those who ask later.
func (s *Store) countAgain() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	started := time.Now()
	var all int64
	settled := map[string]map[ordersync.State]int64{}
	b := &pgx.Batch{}
	b.Queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	b.Queue("SET LOCAL max_parallel_workers_per_gather = 0") // it has time, and those who ask something have not
	queueSettled(b, &all, settled)
	b.Queue("COMMIT")
	err := s.batch(ctx, b)
	if err == nil {
		s.keepCount(all, settled, time.Since(started))
	}
	s.counted.mu.Lock()
	defer s.counted.mu.Unlock()
	s.counted.counting = false
}
