package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// What a list looks at is bounded: a word that everybody has finds some of the orders that have it, and
// not all day long.
const (
	searchMax  = 1000  // orders for each of the ways to find them
	changedMax = 20000 // changes of people for a page
)

// Parts of a list's statement. What is not asked for is not in it: a condition that may be none would
// keep the planner, which plans once for all values, from the indexes. Where few orders come into
// question these come first, in the list's order, and each is looked at until the page is full; OFFSET
// keeps the planner from turning that round.
const (
	listAll  = `SELECT o.id FROM orders o WHERE %s ORDER BY o.id DESC LIMIT %s`
	listSome = `SELECT o.id FROM (%s) c, LATERAL (SELECT o.id FROM orders o WHERE o.id = c.id AND %s OFFSET 0) o ORDER BY c.id DESC LIMIT %s`
	inOpen   = `SELECT DISTINCT order_id AS id FROM links WHERE state = %d AND state NOT IN (3, 5) ORDER BY id DESC`
	inState  = `EXISTS (SELECT FROM links l WHERE l.order_id = o.id AND l.state = %d OFFSET 0)`
	searched = `SELECT id FROM (%s) u ORDER BY id DESC`
	byNumber = `(SELECT id FROM orders WHERE lower(order_number) COLLATE "C" >= %s AND lower(order_number) COLLATE "C" < %s LIMIT %d)`
	byWords  = `(SELECT id FROM orders WHERE words @@ to_tsquery('simple', %s) LIMIT %d)`
	byID     = `SELECT %s::uuid AS id`
	byPeople = `SELECT o.id FROM (SELECT g.order_id, g.at, g.seq FROM log g WHERE %s ORDER BY g.at DESC, g.seq DESC LIMIT %d) c,
	LATERAL (SELECT o.id FROM orders o WHERE o.id = c.order_id AND o.seq = c.seq AND %s OFFSET 0) o ORDER BY c.at DESC, c.seq DESC LIMIT %s`
	ofPeople = `g.actor ~ '^(user|token|admin):'`
	changeAt = `SELECT at FROM log WHERE seq = $1`
)

// arguments are the values of a statement that is put together.
type arguments []any

// add adds a value and gives its place in the text.
func (a *arguments) add(v any) string {
	*a = append(*a, v)
	return fmt.Sprintf("$%d", len(*a))
}

// List implements orders.Store.
func (s *Store) List(ctx context.Context, q orders.Query) ([]*orders.Stored, error) {
	text, args, err := s.list(ctx, q)
	if err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, text, args...)
	if err != nil {
		return nil, translate(err, "list orders")
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, translate(err, "list orders")
	}
	return s.Load(ctx, ids)
}

func (s *Store) list(ctx context.Context, q orders.Query) (string, arguments, error) {
	var args arguments
	// Said in a way that keeps the planner from the index by status: while the tables are empty that
	// looks like a short way to an id.
	conditions := []string{"NOT COALESCE(o.deleted, false)"}
	if q.Deleted {
		conditions[0] = "o.deleted"
	}
	if q.Status != "" {
		if !q.Deleted {
			conditions[0] = "NOT o.deleted"
		}
		conditions = append(conditions, "o.status = "+args.add(q.Status))
	}
	if q.Before != uuid.Nil {
		conditions = append(conditions, "o.id < "+args.add(q.Before))
	}
	some := ""
	switch {
	case q.Search != "" && q.ByPeople():
		conditions = append(conditions, "o.id IN ("+search(&args, q.Search)+")")
	case q.Search != "":
		some = fmt.Sprintf(searched, search(&args, q.Search))
	case q.State != ordersync.None && !q.State.Settled() && !q.ByPeople():
		some = fmt.Sprintf(inOpen, stateCode(q.State))
	}
	if q.State != ordersync.None {
		conditions = append(conditions, fmt.Sprintf(inState, stateCode(q.State)))
	}
	where := strings.Join(conditions, " AND ")
	switch {
	case q.ByPeople():
		changes, err := s.changes(ctx, &args, q)
		return fmt.Sprintf(byPeople, changes, changedMax, where, args.add(q.Limit)), args, err
	case some != "":
		return fmt.Sprintf(listSome, some, where, args.add(q.Limit)), args, nil
	}
	return fmt.Sprintf(listAll, where, args.add(q.Limit)), args, nil
}

// changes are the conditions of changes by people, after the one that the last page ended with.
func (s *Store) changes(ctx context.Context, args *arguments, q orders.Query) (string, error) {
	conditions := ofPeople
	if q.ChangedBy != "" {
		conditions += " AND g.actor = " + args.add(q.ChangedBy)
	}
	if !q.ChangedFrom.IsZero() {
		conditions += " AND g.at >= " + args.add(q.ChangedFrom)
	}
	if !q.ChangedTo.IsZero() {
		conditions += " AND g.at < " + args.add(q.ChangedTo)
	}
	if q.AfterSeq == 0 {
		return conditions, nil
	}
	var at time.Time
	err := s.pool.QueryRow(ctx, changeAt, q.AfterSeq).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) { // cleaned up, and all before it too
		return conditions + " AND g.seq < 0", nil
	}
	return conditions + " AND (g.at, g.seq) < (" + args.add(at) + ", " + args.add(q.AfterSeq) + ")", translate(err, "find a place in the log")
}

// search finds orders by id, by how the number begins, or by how words of the customer begin.
func search(args *arguments, text string) string {
	if id, err := uuid.Parse(text); err == nil && len(text) == 36 {
		return fmt.Sprintf(byID, args.add(id))
	}
	low := strings.ToLower(text)
	found := fmt.Sprintf(byNumber, args.add(low), args.add(low+string(unicode.MaxRune)), searchMax)
	if query := wordQuery(text); query != "" {
		found += " UNION " + fmt.Sprintf(byWords, args.add(query), searchMax)
	}
	return found
}

// wordQuery asks for words that begin like each of a text's.
func wordQuery(text string) string {
	var out []string
	for word := range strings.FieldsSeq(strings.ToLower(text)) { // a database may know ASCII only
		if strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			out = append(out, "'"+strings.NewReplacer(`\`, " ", "'", " ").Replace(word)+"':*")
		}
	}
	return strings.Join(out, " & ")
}
