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

// searchMax is how many orders a search looks at for each of the ways to find them: a word that
// everybody has finds some of them, and not all day long.
const searchMax = 2000

// Parts of a list's statement. What is not asked for is not in it: a condition that may be none would
// keep the planner, which plans once for all values, from the indexes.
const (
	listHead = `SELECT o.id FROM orders o WHERE `
	listTail = ` ORDER BY o.id DESC LIMIT `
	// Open states from the links, which have an index of them; the others are what most orders are in,
	// so that the newest orders are looked through.
	inOpenState    = `o.id IN (SELECT order_id FROM links WHERE state = %d AND state NOT IN (3, 5))`
	inSettledState = `EXISTS (SELECT FROM links l WHERE l.order_id = o.id AND l.state = %d)`
	byNumber       = `(SELECT id FROM orders WHERE lower(order_number) COLLATE "C" >= %s AND lower(order_number) COLLATE "C" < %s LIMIT %d)`
	byWords        = `(SELECT id FROM orders WHERE words @@ to_tsquery('simple', %s) LIMIT %d)`
	byID           = `SELECT %s::uuid`
	// The people of the log, newest first, each with the order whose newest change it is.
	changedHead = `SELECT o.id FROM log g JOIN orders o ON o.id = g.order_id AND o.seq = g.seq WHERE g.actor ~ '^(user|token|admin):' AND `
	changedTail = ` ORDER BY g.at DESC, g.seq DESC LIMIT `
	changeAt    = `SELECT at FROM log WHERE seq = $1`
)

// statement is one that is put together from conditions.
type statement struct {
	conditions []string
	args       []any
}

// arg adds a value and gives its place in the text.
func (s *statement) arg(v any) string {
	s.args = append(s.args, v)
	return fmt.Sprintf("$%d", len(s.args))
}

func (s *statement) where(condition string) { s.conditions = append(s.conditions, condition) }

// List implements orders.Store.
func (s *Store) List(ctx context.Context, q orders.Query) ([]*orders.Stored, error) {
	var st statement
	if q.Deleted {
		st.where("o.deleted")
	} else {
		st.where("NOT o.deleted")
	}
	if q.Status != "" {
		st.where("o.status = " + st.arg(q.Status))
	}
	if q.Before != uuid.Nil {
		st.where("o.id < " + st.arg(q.Before))
	}
	if q.State != ordersync.None {
		in := inOpenState
		if q.State.Settled() {
			in = inSettledState
		}
		st.where(fmt.Sprintf(in, stateCode(q.State)))
	}
	if q.Search != "" {
		st.where("o.id IN (" + search(&st, q.Search) + ")")
	}
	head, tail := listHead, listTail
	if q.ByPeople() {
		head, tail = changedHead, changedTail
		if err := s.changed(ctx, &st, q); err != nil {
			return nil, err
		}
	}
	text := head + strings.Join(st.conditions, " AND ") + tail + st.arg(q.Limit)
	rows, err := s.pool.Query(ctx, text, st.args...)
	if err != nil {
		return nil, translate(err, "list orders")
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, translate(err, "list orders")
	}
	return s.Load(ctx, ids)
}

// changed narrows a list to changes by people, after the one that the last page ended with.
func (s *Store) changed(ctx context.Context, st *statement, q orders.Query) error {
	if q.ChangedBy != "" {
		st.where("g.actor = " + st.arg(q.ChangedBy))
	}
	if !q.ChangedFrom.IsZero() {
		st.where("g.at >= " + st.arg(q.ChangedFrom))
	}
	if !q.ChangedTo.IsZero() {
		st.where("g.at < " + st.arg(q.ChangedTo))
	}
	if q.AfterSeq == 0 {
		return nil
	}
	var at time.Time
	switch err := s.pool.QueryRow(ctx, changeAt, q.AfterSeq).Scan(&at); {
	case errors.Is(err, pgx.ErrNoRows): // cleaned up, and all before it too
		st.where("g.seq < 0")
		return nil
	case err != nil:
		return translate(err, "find a place in the log")
	}
	st.where("(g.at, g.seq) < (" + st.arg(at) + ", " + st.arg(q.AfterSeq) + ")")
	return nil
}

// search finds orders by id, by how the number begins, or by how words of the customer begin.
func search(st *statement, text string) string {
	if id, err := uuid.Parse(text); err == nil && len(text) == 36 {
		return fmt.Sprintf(byID, st.arg(id))
	}
	low := strings.ToLower(text)
	found := fmt.Sprintf(byNumber, st.arg(low), st.arg(low+string(unicode.MaxRune)), searchMax)
	if query := wordQuery(text); query != "" {
		found += " UNION " + fmt.Sprintf(byWords, st.arg(query), searchMax)
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
