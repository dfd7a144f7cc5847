package postgres

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/gather"
)

// Most of what an edit costs in the database is not what it writes: two round trips, the start of each statement, and a
// commit. So edits that arrive while others are being saved share the next transaction. Each is decided on its own:
// one that is refused changes nothing and spoils nothing. Whatever is out of the ordinary is left to a transaction of
// its own: an order that someone else has locked, that is not here, or whose contents are not moved yet, and every edit
// of a transaction that failed, since it may have failed because of one of them.

// lockFree locks the orders that nobody has locked, and reads them with their contents.
const lockFree = `SELECT o.id, o.seq, o.deleted, o.updated_at, o.version, o.fingerprint, o.placed_at, COALESCE(o.content, 0), ` + presentBody + `
	FROM orders o WHERE o.id = ANY($1) ORDER BY o.id FOR UPDATE SKIP LOCKED`

// editPatience is how long a transaction of edits may take, which waits for no order. It does not end with the request of
// any of them; a request may have to wait for two.
const editPatience = 10 * time.Second

// errAlone is the error of an edit that needs a transaction of its own. Nothing of it is saved.
var errAlone = errors.New("needs a transaction of its own")

// edits gathers edits in two groups in turn: in a single one, two writers would wait for each other.
type edits struct {
	next   atomic.Uint32
	groups [2]gather.Group[*edit]
}

// edit is a change of one order that may share a transaction.
type edit struct {
	request orders.ChangeRequest
	decide  orders.Decide
	hints   []orders.Hint
	err     error
}

// edit saves an edit, together with others that wait at the same time. It fails with errAlone if the edit needs a
// transaction of its own.
func (s *Store) edit(ctx context.Context, c orders.ChangeRequest, decide orders.Decide) ([]orders.Hint, error) {
	e := &edit{request: c, decide: decide, err: errAlone}
	group := &s.edits.groups[s.edits.next.Add(1)%uint32(len(s.edits.groups))]
	group.Do(e, func(all []*edit) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), editPatience)
		defer cancel()
		for len(all) > 0 {
			var some []*edit
			some, all = distinct(all)
			s.saveEdits(ctx, some)
		}
	})
	return e.hints, e.err
}

// distinct returns the first edit of each order, and the rest.
func distinct(all []*edit) (some, rest []*edit) {
	taken := make(map[uuid.UUID]bool, len(all))
	for _, e := range all {
		if id := e.request.IDs[0]; taken[id] {
			rest = append(rest, e)
		} else {
			some, taken[id] = append(some, e), true
		}
	}
	return some, rest
}

// saveEdits saves edits of distinct orders in one transaction, and leaves hints or an error in each of them.
func (s *Store) saveEdits(ctx context.Context, list []*edit) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		for _, e := range list {
			e.err = err
		}
		return
	}
	defer conn.Release()
	defer rollback(ctx, conn) // of what was not committed
	r, drawn, err := beginEdits(ctx, conn.Conn(), list)
	if err != nil || r.unmoved {
		return
	}
	var changes []orders.Change
	decided := make(map[uuid.UUID]*edit, len(list))
	for i, e := range list {
		numbers := drawn.Numbers[:e.request.Numbers]
		drawn.Numbers = drawn.Numbers[e.request.Numbers:]
		st := r.byID[e.request.IDs[0]]
		if !st.Known() || st.content != 0 && st.Body == nil { // locked, or not here; or its content is younger than the statement
			continue
		}
		own, err := e.decide(r.list[i:i+1], orders.Drawn{Numbers: numbers, Server: drawn.Server})
		if err != nil {
			e.err = err
			continue
		}
		decided[st.ID] = e
		changes = append(changes, own...)
	}
	hints, err := save(ctx, conn.Conn(), nil, r.collect(changes))
	var pg *pgconn.PgError
	if errors.As(err, &pg) && !slices.Contains(sessionEnds, pg.SeverityUnlocalized) {
		return // rolled back, perhaps because of one of them only
	}
	for _, e := range decided {
		e.err = err
	}
	for _, h := range hints {
		e := decided[h.OrderID]
		e.hints = append(e.hints, h)
	}
}

func beginEdits(ctx context.Context, conn *pgx.Conn, list []*edit) (*result, orders.Drawn, error) {
	ids, numbers := make([]uuid.UUID, len(list)), 0
	for i, e := range list {
		ids[i] = e.request.IDs[0]
		numbers += e.request.Numbers
	}
	r, raw := newResult(ids), rawIDs(ids)
	var drawn orders.Drawn
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	b.Queue(lockFree, raw).Query(r.readHeads)
	b.Queue(loadLinks, raw, true).Query(r.readLinks)
	b.Queue(drawNumbers, numbers).Query(readDrawn(&drawn))
	err := conn.SendBatch(ctx, b).Close()
	return r, drawn, err
}
