package postgres

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

const (
	// The condition on the actor is that of the index log_people, by which these go. What was relayed to further
	// peers (8) is no action of its own.
	auditOfLog = `SELECT at, seq, actor, event, order_id, reason, request_id FROM %s
	WHERE actor ~ '^(user|token|admin):' AND event <> 8 AND %s ORDER BY at DESC, seq DESC LIMIT $1`
	wholeLog = `log`
	// One order's rows are few, and have an index of their own; OFFSET keeps the planner from the other one.
	logOfOrder = `(SELECT * FROM log WHERE order_id = %s OFFSET 0) log`
	// That of the index audit_orders.
	ofOrders      = `subject LIKE 'order:%%'`
	auditOfOthers = `SELECT at, id, actor, action, subject, detail, request_id FROM audit WHERE %s ORDER BY at DESC, id DESC LIMIT $1`
)

// Audit reads a page of what people and tokens did: the log's rows and the audit's, merged.
func (s *Store) Audit(ctx context.Context, q access.AuditQuery) ([]access.AuditEntry, error) {
	var out []access.AuditEntry
	b := &pgx.Batch{}
	b.Queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	b.Queue("SET LOCAL enable_sort = off") // a plan that is made while there is little has to read in order later too
	if q.Action == "" || access.OfOrders(q.Action) {
		text, args := logAudit(q)
		b.Queue(text, args...).Query(func(rows pgx.Rows) (err error) {
			out, err = appendRows(out, rows, scanLogEntry)
			return err
		})
	}
	if !access.OfOrders(q.Action) {
		text, args := otherAudit(q)
		b.Queue(text, args...).Query(func(rows pgx.Rows) (err error) {
			out, err = appendRows(out, rows, scanAuditEntry)
			return err
		})
	}
	b.Queue("COMMIT")
	if err := s.batch(ctx, b); err != nil {
		return nil, translate(err, "read the audit")
	}
	slices.SortFunc(out, func(x, y access.AuditEntry) int { return y.Mark.Compare(x.Mark) })
	return out[:min(q.Limit, len(out))], nil
}

func appendRows(out []access.AuditEntry, rows pgx.Rows, scan pgx.RowToFunc[access.AuditEntry]) ([]access.AuditEntry, error) {
	more, err := pgx.CollectRows(rows, scan)
	return append(out, more...), err
}

func logAudit(q access.AuditQuery) (string, []any) {
	where, args := auditWhere(q, "seq", false)
	if q.Order == uuid.Nil {
		return fmt.Sprintf(auditOfLog, wholeLog, where), args
	}
	args = append(args, q.Order)
	return fmt.Sprintf(auditOfLog, fmt.Sprintf(logOfOrder, fmt.Sprintf("$%d", len(args))), where), args
}

func otherAudit(q access.AuditQuery) (string, []any) {
	where, args := auditWhere(q, "id", true)
	return fmt.Sprintf(auditOfOthers, where), args
}

// auditWhere narrows one of the two tables, whose number of a row is the given column. What is not asked
// for is left out: it would keep the planner from the index.
func auditWhere(q access.AuditQuery, number string, audit bool) (string, []any) {
	parts, args := []string{"true"}, []any{q.Limit}
	add := func(format string, values ...any) {
		places := make([]any, len(values))
		for i := range values {
			places[i] = len(args) + i + 1
		}
		parts, args = append(parts, fmt.Sprintf(format, places...)), append(args, values...)
	}
	if !q.After.At.IsZero() {
		// At the mark's own moment, rows of the audit come before those of the log.
		id := q.After.ID
		switch {
		case audit && !q.After.Audit:
			id = math.MinInt64
		case !audit && q.After.Audit:
			id = math.MaxInt64
		}
		add("(at, "+number+") < ($%d, $%d)", q.After.At, id)
	}
	if !q.From.IsZero() {
		add("at >= $%d", q.From)
	}
	if !q.To.IsZero() {
		add("at < $%d", q.To)
	}
	if q.Actor != "" {
		add("actor = $%d", q.Actor)
	}
	switch {
	case q.Action == "":
	case audit:
		add("action = $%d", q.Action)
	default:
		add("event = $%d", eventOf(q.Action))
	}
	if audit && q.Order != uuid.Nil {
		add(ofOrders+" AND subject = $%d", "order:"+q.Order.String())
	}
	return strings.Join(parts, " AND "), args
}

// auditedEvents are the events of the log that people and tokens make.
var auditedEvents = []orders.Event{orders.EventCreated, orders.EventEdited, orders.EventDeleted, orders.EventResolved, orders.EventRetried}

func actionOf(e orders.Event) string { return access.OrderAction(e.String()) }

// eventOf is the code of an action's event; none for an action that there is not.
func eventOf(action string) int16 {
	for _, e := range auditedEvents {
		if actionOf(e) == action {
			return int16(e)
		}
	}
	return 0
}

func scanLogEntry(row pgx.CollectableRow) (e access.AuditEntry, err error) {
	var event int16
	var id uuid.UUID
	var at time.Time
	err = row.Scan(&at, &e.Mark.ID, &e.Actor, &event, &id, &e.Detail, &e.RequestID)
	e.At, e.Mark.At, e.Action, e.Subject = at, at, actionOf(orders.Event(event)), "order:"+id.String()
	return e, err
}

func scanAuditEntry(row pgx.CollectableRow) (e access.AuditEntry, err error) {
	e.Mark.Audit = true
	err = row.Scan(&e.At, &e.Mark.ID, &e.Actor, &e.Action, &e.Subject, &e.Detail, &e.RequestID)
	e.Mark.At = e.At
	return e, err
}
