package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// What a list looks at is bounded: what fits very many orders is not read to its end.
const (
	nearestMax = 200   // the first of these, where a state is looked for: mostly they fill the page
	nearMax    = 2000  // orders of the list itself, from where it begins, that are looked at for a word
	searchMax  = 1000  // orders that the indexes find
	farMax     = 10000 // orders of the list, from there on, where the indexes find more
	changedMax = 5000  // changes for a page
	openMax    = 10000 // orders of an open state that are put in order; where there are more, the list is looked through
)

// Parts of a list's statement. What is not asked for is not in it: a condition that may be none would
// keep the planner, which plans once for all values, from the indexes. Where few orders come into
// question these come first, in the list's order, and each is looked at until the page is full; OFFSET
// keeps the planner from turning that round.
const (
	newest  = `ORDER BY o.placed_at DESC, o.id DESC`
	listAll = `SELECT o.id FROM orders o WHERE %s ` + newest + ` LIMIT %s`
	// Said as a range and an order that only the index by status has: a status of few is not looked for among all.
	listStatus = `SELECT o.id FROM orders o WHERE %s ORDER BY o.status DESC, o.placed_at DESC, o.id DESC LIMIT %s`
	listSome   = `SELECT o.id FROM (%s) c, LATERAL (SELECT o.id, o.placed_at FROM orders o WHERE o.id = c.id AND %s OFFSET 0) o ` + newest + ` LIMIT %s`
	inOpen     = `SELECT DISTINCT order_id AS id FROM links WHERE state = %d AND state NOT IN (3, 5)`
	manyOpen   = `SELECT count(*) > %[2]d FROM (SELECT FROM links WHERE state = %[1]d AND state NOT IN (3, 5) LIMIT %[2]d + 1) l`
	manyRefs   = `SELECT count(*) > %[2]d FROM (SELECT FROM orders o WHERE %[1]s LIMIT %[2]d + 1) r`
	inState    = `EXISTS (SELECT FROM links l WHERE l.order_id = o.id AND l.state = %d OFFSET 0)`
	nearest    = `SELECT (array_agg(o.id ORDER BY o.placed_at, o.id))[1], min(o.placed_at), count(*) = %[4]d,
	COALESCE((array_agg(o.id ORDER BY o.placed_at DESC, o.id DESC) FILTER (WHERE %[1]s))[:%[2]s], '{}')
	FROM (%[3]s) c, LATERAL (SELECT o.id, o.placed_at, o.order_number, o.words FROM orders o WHERE o.id = c.id OFFSET 0) o`
	found    = `WITH numbers AS MATERIALIZED (%s), found AS MATERIALIZED (SELECT id FROM numbers%s) SELECT (SELECT count(*) FROM found) <= %d, ARRAY(%s)`
	inFound  = `SELECT id FROM found`
	byNumber = `SELECT id FROM orders o WHERE %s LIMIT %d`
	// Words are not looked up where the numbers are too many already: that takes long where many begin so.
	orWords = ` UNION (SELECT id FROM orders o WHERE %[1]s AND (SELECT count(*) FROM numbers) < %[2]d LIMIT %[2]d)`
	byID    = `SELECT %s::uuid AS id`
	// The place is the last change that is looked at, where the page has room left.
	byChange = `SELECT p.ids, p.seqs, CASE WHEN cardinality(p.ids) < %[4]s THEN (SELECT g.seq FROM log g WHERE %[1]s ORDER BY %[5]s OFFSET %[2]d - 1 LIMIT 1) END
	FROM (SELECT COALESCE(array_agg(f.id), '{}') AS ids, COALESCE(array_agg(f.seq), '{}') AS seqs
	FROM (SELECT o.id, g.seq FROM (SELECT g.order_id, g.at, g.seq FROM log g WHERE %[1]s ORDER BY %[5]s LIMIT %[2]d) g,
	LATERAL (SELECT o.id FROM orders o WHERE o.id = g.order_id AND o.seq = g.seq AND %[3]s OFFSET 0) o ORDER BY %[5]s LIMIT %[4]s) f OFFSET 0) p`
	newestChange = `g.seq DESC`
	latestChange = `g.at DESC, g.seq DESC` // as the indexes by time have it
	ofPeople     = `g.actor ~ '^(user|token|admin):'`
	changeAt     = `SELECT at FROM log WHERE seq = $1`

	hasNumber = `lower(o.order_number) COLLATE "C" >= %s AND lower(o.order_number) COLLATE "C" < %s`
	hasWords  = `o.words @@ (SELECT %s)` // read once, not for each row
)

// arguments are the values of a statement that is put together.
type arguments []any

// add adds a value and gives its place in the text.
func (a *arguments) add(v any) string {
	*a = append(*a, v)
	return fmt.Sprintf("$%d", len(*a))
}

// List implements orders.Store.
func (s *Store) List(ctx context.Context, q orders.Query) ([]*orders.Stored, *orders.Place, error) {
	if q.State.Settled() && q.Deleted != (q.State == ordersync.DelSynced) {
		return nil, nil, nil // there is none; to see that, all would be looked at
	}
	if q.ByChange() {
		return s.listChanged(ctx, q)
	}
	ids, left, err := s.find(ctx, q)
	if err != nil {
		return nil, nil, translate(err, "list orders")
	}
	list, err := s.Load(ctx, ids)
	return list, left, err
}

// listChanged reads a page of orders by their newest change. Each has the number of the change that it was found
// by, which the next page goes on from, even if it has changed again before it was read.
func (s *Store) listChanged(ctx context.Context, q orders.Query) ([]*orders.Stored, *orders.Place, error) {
	ids, seqs, left, err := s.changed(ctx, q)
	if err != nil {
		return nil, nil, translate(err, "list orders")
	}
	list, err := s.Load(ctx, ids)
	for i := range list {
		list[i].Seq = seqs[i]
	}
	return list, left, err
}

// listing is a query and how it is answered.
type listing struct {
	orders.Query
	many bool // more orders are in the open state than are put in order; or the state is settled, as most are
	refs bool // more orders have the number of a third system than its index is asked for
}

// find reads the ids of a page, and tells where it left off if it has room for more.
func (s *Store) find(ctx context.Context, q orders.Query) ([]uuid.UUID, *orders.Place, error) {
	_, isID := searchedID(q.Search)
	// How many are in a settled state no index tells: all may be, or none of a million.
	l := listing{Query: q, many: q.State.Settled() && !isID}
	if isOpen(q.State) && !isID {
		if err := s.pool.QueryRow(ctx, fmt.Sprintf(manyOpen, stateCode(q.State), openMax)).Scan(&l.many); err != nil {
			return nil, nil, err
		}
	}
	if q.ExternalRef != "" && q.OrderNumber == "" && !isID {
		var args arguments
		text := fmt.Sprintf(manyRefs, refIs(&args, q.ExternalRef), searchMax)
		if err := s.pool.QueryRow(ctx, text, args...).Scan(&l.refs); err != nil {
			return nil, nil, err
		}
	}
	switch {
	case q.Search != "" && !isID:
		return s.search(ctx, l)
	case l.many, l.refs:
		return s.lookThrough(ctx, l)
	}
	var args arguments
	text := listed(&args, q)
	rows, err := s.pool.Query(ctx, text, args...)
	if err != nil {
		return nil, nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	return ids, nil, err
}

func isOpen(state ordersync.State) bool { return state != ordersync.None && !state.Settled() }

// search looks at the first orders of the list itself: what many orders have fills the page from there,
// while its index would gather all of them first, in no order. The rest of what few have is found by the
// indexes; of what many have, but few of the first, further on in the list.
func (s *Store) search(ctx context.Context, q listing) ([]uuid.UUID, *orders.Place, error) {
	ids, left, err := s.look(ctx, q, nearMax)
	if err != nil || left == nil {
		return ids, nil, err
	}
	q.After, q.Limit = *left, q.Limit-len(ids)
	var all bool
	var rest []uuid.UUID
	text, args := indexed(q.Query)
	if err := s.pool.QueryRow(ctx, text, args...).Scan(&all, &rest); err != nil {
		return nil, nil, err
	}
	if left = nil; !all {
		rest, left, err = s.look(ctx, q, farMax)
	}
	return append(ids, rest...), left, err
}

// lookThrough looks for a state that many are in, or a number that many have, further on where few of the first are.
func (s *Store) lookThrough(ctx context.Context, q listing) (ids []uuid.UUID, left *orders.Place, err error) {
	for _, most := range []int{nearestMax, nearMax - nearestMax, farMax} {
		var more []uuid.UUID
		if more, left, err = s.look(ctx, q, most); err != nil {
			return nil, nil, err
		}
		ids = append(ids, more...)
		if left == nil {
			break
		}
		q.After, q.Limit = *left, q.Limit-len(more)
	}
	return ids, left, nil
}

// look finds what is asked for among the first orders of a list.
func (s *Store) look(ctx context.Context, q listing, most int) (ids []uuid.UUID, left *orders.Place, err error) {
	text, args := nearby(q, most)
	var last *uuid.UUID
	var placed *time.Time
	var more bool
	err = s.pool.QueryRow(ctx, text, args...).Scan(&last, &placed, &more, &ids)
	if err == nil && more && len(ids) < q.Limit {
		left = &orders.Place{At: *placed, ID: *last}
	}
	return ids, left, err
}

// nearby looks at the orders of a list one by one, for what is searched for, for a state that many are in, and for
// a number of a third system that many have: an index of words leaves some out where it would find very many.
func nearby(q listing, most int) (string, arguments) {
	var args arguments
	matches := "true"
	if q.Search != "" {
		matches = "(" + matching(&args, q.Search) + ")"
	}
	if q.many {
		matches += " AND " + fmt.Sprintf(inState, stateCode(q.State))
		q.State = ordersync.None
	}
	if q.refs {
		matches += " AND " + refIs(&args, q.ExternalRef)
		q.ExternalRef = ""
	}
	limit := args.add(q.Limit)
	q.Search, q.Limit = "", most
	return fmt.Sprintf(nearest, matches, limit, listed(&args, q.Query), most), args
}

// indexed is a page of what the indexes find, and whether that is all there is.
func indexed(q orders.Query) (string, arguments) {
	var args arguments
	numbers := fmt.Sprintf(byNumber, numberMatching(&args, q.Search), searchMax+1)
	words := fmt.Sprintf(orWords, wordsMatching(&args, q.Search), searchMax+1)
	page := fmt.Sprintf(listSome, inFound, conditions(&args, q), args.add(q.Limit))
	return fmt.Sprintf(found, numbers, words, searchMax, page), args
}

// changed finds a page of orders by their newest change, and the numbers of these changes.
func (s *Store) changed(ctx context.Context, q orders.Query) (ids []uuid.UUID, seqs []int64, left *orders.Place, err error) {
	text, args, err := s.byChange(ctx, q)
	if err != nil {
		return nil, nil, nil, err
	}
	var last *int64
	err = s.pool.QueryRow(ctx, text, args...).Scan(&ids, &seqs, &last)
	if err == nil && last != nil {
		left = &orders.Place{Seq: *last}
	}
	return ids, seqs, left, err
}

func (s *Store) byChange(ctx context.Context, q orders.Query) (string, arguments, error) {
	var args arguments
	where := conditions(&args, q)
	if q.Search != "" {
		where += " AND (" + matching(&args, q.Search) + ")"
	}
	changes, err := s.changes(ctx, &args, q)
	order := newestChange
	if q.ByPeople() || q.ByTime() {
		order = latestChange
	}
	return fmt.Sprintf(byChange, changes, changedMax, where, args.add(q.Limit), order), args, err
}

// listed is a list by when orders were placed.
func listed(args *arguments, q orders.Query) string {
	some, where := "", conditions(args, q)
	switch {
	case q.Search != "":
		id, _ := searchedID(q.Search) // words are looked for in a list
		some = fmt.Sprintf(byID, args.add(id))
	case q.OrderNumber != "":
		some = `SELECT o.id FROM orders o WHERE ` + numberIs(args.add(q.OrderNumber))
	case q.ExternalRef != "":
		some = `SELECT o.id FROM orders o WHERE ` + refIs(args, q.ExternalRef)
	case isOpen(q.State):
		some = fmt.Sprintf(inOpen, stateCode(q.State))
	}
	if some != "" {
		return fmt.Sprintf(listSome, some, where, args.add(q.Limit))
	}
	if hasStatus(q) {
		return fmt.Sprintf(listStatus, where, args.add(q.Limit))
	}
	return fmt.Sprintf(listAll, where, args.add(q.Limit))
}

// hasStatus reports whether a list goes by the index of statuses, which has present orders only.
func hasStatus(q orders.Query) bool { return q.Status != "" && !q.Deleted }

// conditions are those that an order fulfils by itself.
func conditions(args *arguments, q orders.Query) string {
	// Said in a way that keeps the planner from the index by status: while the tables are empty that
	// looks like a short way to an id.
	list := []string{"NOT COALESCE(o.deleted, false)"}
	after := q.After != orders.Place{} && !q.ByChange()
	switch {
	case q.Deleted:
		list[0] = "o.deleted"
		if q.Status != "" {
			list = append(list, "o.status = "+args.add(q.Status))
		}
	case q.Status != "":
		list[0] = "NOT o.deleted"
	}
	switch {
	case after && hasStatus(q):
		list = append(list, fmt.Sprintf("(o.status, o.placed_at, o.id) < (%[1]s, %[2]s, %[3]s) AND o.status >= %[1]s", args.add(q.Status), args.add(q.After.At), args.add(q.After.ID)))
	case after:
		list = append(list, "(o.placed_at, o.id) < ("+args.add(q.After.At)+", "+args.add(q.After.ID)+")")
	case hasStatus(q):
		list = append(list, fmt.Sprintf("o.status <= %[1]s AND o.status >= %[1]s", args.add(q.Status)))
	}
	if q.State != ordersync.None {
		list = append(list, fmt.Sprintf(inState, stateCode(q.State)))
	}
	if q.OrderNumber != "" {
		list = append(list, numberIs(args.add(q.OrderNumber)))
	}
	if q.ExternalRef != "" {
		list = append(list, refIs(args, q.ExternalRef))
	}
	return strings.Join(list, " AND ")
}

// changes are the conditions of the changes that a list goes by, after the one that the last page ended with.
func (s *Store) changes(ctx context.Context, args *arguments, q orders.Query) (string, error) {
	conditions := "g.wrote"
	switch {
	case q.ByPeople():
		conditions = ofPeople + " AND g.actor = " + args.add(q.ChangedBy)
	case q.ByTime():
	case q.After.Seq == 0:
		return conditions, nil
	default:
		return conditions + " AND g.seq < " + args.add(q.After.Seq), nil
	}
	if !q.ChangedFrom.IsZero() {
		conditions += " AND g.at >= " + args.add(q.ChangedFrom)
	}
	if !q.ChangedTo.IsZero() {
		conditions += " AND g.at < " + args.add(q.ChangedTo)
	}
	if q.After.Seq == 0 {
		return conditions, nil
	}
	var at time.Time
	err := s.pool.QueryRow(ctx, changeAt, q.After.Seq).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) { // cleaned up, and all before it too
		return conditions + " AND g.seq < 0", nil
	}
	return conditions + " AND (g.at, g.seq) < (" + args.add(at) + ", " + args.add(q.After.Seq) + ")", translate(err, "find a place in the log")
}

// matching finds orders by id, by how the number begins, or by how words of the customer begin, as a
// condition of one order.
func matching(args *arguments, text string) string {
	if id, isID := searchedID(text); isID {
		return "o.id = " + args.add(id)
	}
	return numberMatching(args, text) + " OR " + wordsMatching(args, text)
}

func searchedID(text string) (uuid.UUID, bool) {
	id, err := uuid.Parse(text)
	return id, err == nil && len(text) == 36
}
