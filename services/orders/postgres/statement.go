package postgres

import (
	"fmt"
	"strings"
)

// A change is saved by one statement, since starting a statement costs about as much as what it writes of one order.
// It has a part for each table that is written to, over the rows of arrays, one array a column.
type part struct {
	sql   string   // with %s in place of the rows
	types []string // of the columns of the rows
}

// The parts, in the order of writes.parts.
var parts = [...]part{
	{"INSERT INTO contents (seq, body) SELECT * FROM %s", types("bigint", "json")},
	{
		`INSERT INTO log (seq, order_id, at, event, peer, received, was, was_since, becomes, rule, version, fingerprint,
	deleted, wrote, actor, request_id, reason, content, replaced, dropped) SELECT * FROM %s`,
		types("bigint", "uuid", "timestamptz", "smallint", "text", "smallint", "smallint", "timestamptz", "smallint", "smallint", "text", "text",
			"boolean", "boolean", "text", "text", "text", "bigint", "bigint", "bigint"),
	},
	{`INSERT INTO orders (id, seq, deleted, updated_at, version, fingerprint, content, order_number, status, words, placed_at)
	SELECT u.id, u.seq, u.deleted, u.updated_at, u.version, u.fingerprint, u.content, u.order_number, u.status, ` + folded + `, u.placed_at
	FROM %s AS ` + orderRow, orderTypes},
	{`UPDATE orders o SET seq = u.seq, deleted = u.deleted, updated_at = u.updated_at, version = u.version,
	fingerprint = u.fingerprint, content = u.content, order_number = COALESCE(u.order_number, o.order_number), status = COALESCE(u.status, o.status),
	words = COALESCE(` + folded + `, o.words), placed_at = COALESCE(u.placed_at, o.placed_at)
	FROM %s AS ` + orderRow + ` WHERE o.id = u.id`, orderTypes},
	{`INSERT INTO links (order_id, peer, state, due, since, agreed, theirs_version, theirs_fingerprint,
	theirs_deleted, theirs_updated_at, theirs, reason) SELECT * FROM %s`, linkTypes},
	{`UPDATE links l SET state = u.state, due = u.due, since = u.since, agreed = u.agreed,
	theirs_version = u.theirs_version, theirs_fingerprint = u.theirs_fingerprint, theirs_deleted = u.theirs_deleted,
	theirs_updated_at = u.theirs_updated_at, theirs = u.theirs, reason = u.reason
	FROM %s AS u (order_id, peer, state, due, since, agreed, theirs_version, theirs_fingerprint,
	theirs_deleted, theirs_updated_at, theirs, reason) WHERE l.order_id = u.order_id AND l.peer = u.peer`, linkTypes},
	{"INSERT INTO outbox (order_id, peer, version, state, at) SELECT * FROM %s RETURNING id", types("uuid", "text", "text", "smallint", "timestamptz")},
}

const orderRow = "u (id, seq, deleted, updated_at, version, fingerprint, content, order_number, status, words, folded, placed_at, ref)"

var (
	orderTypes = types("uuid", "bigint", "boolean", "timestamptz", "text", "text", "bigint", "text", "text", "text", "text", "timestamptz", "text")
	linkTypes  = types("uuid", "text", "smallint", "boolean", "timestamptz", "text", "text", "text", "boolean", "timestamptz", "bigint", "text")
)

func types(list ...string) []string { return list }

// statements has the statement of each set of parts, a bit for each part.
var statements = func() (list [1 << len(parts)]string) {
	for set := 1; set < len(list); set++ {
		var written []string
		n := 0
		for i, p := range parts {
			if set>>i&1 == 0 {
				continue
			}
			arrays := make([]string, len(p.types))
			for j, t := range p.types {
				n++
				arrays[j] = fmt.Sprintf("$%d::%s[]", n, t)
			}
			written = append(written, fmt.Sprintf(p.sql, "unnest("+strings.Join(arrays, ", ")+")"))
		}
		last := len(written) - 1
		for i, sql := range written[:last] {
			written[i] = fmt.Sprintf("w%d AS (%s)", i, sql)
		}
		if last > 0 {
			list[set] = "WITH " + strings.Join(written[:last], ",\n") + "\n"
		}
		list[set] += written[last]
	}
	return list
}()

// statement returns the statement that saves all rows, with its arguments; it is empty where there are none. It
// returns the ids of the rows in the outbox.
func (w *writes) statement() (sql string, args []any) {
	set := 0
	for i, rows := range [len(parts)]columns{
		w.contents.columns(), w.log.columns(), w.newOrders.columns(), w.oldOrders.columns(),
		w.newLinks.columns(), w.oldLinks.columns(), w.outbox.columns(),
	} {
		if rows[0].len() > 0 {
			set |= 1 << i
			args = append(args, rows.args()...)
		}
	}
	return statements[set], args
}
