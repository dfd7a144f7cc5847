//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// copiesAtOnce is how many orders one statement copies, in a transaction of its own.
const copiesAtOnce = 20_000

// copiesSpan is the time over which the copies were made, the last one now: less than what the
// service would clean up.
const copiesSpan = 60 * 24 * time.Hour

// What the copies are given in place of the models'. Early ones are drawn more often: the first name is
// that of about every seventh customer, the first status that of every second order.
var (
	firstNames = []string{
		"Anna", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Hugo", "Ida", "Jonas", "Klara", "Leon", "Mia", "Noah", "Olivia", "Paul",
		"Quentin", "Rosa", "Samuel", "Tilda", "Ulrich", "Vera", "Walter", "Xenia", "Yara", "Zeno", "Adele", "Bruno", "Cora", "Dario", "Elsa",
		"Frieda", "Gustav", "Helena", "Igor", "Johanna", "Karl", "Lotte", "Martin", "Nora", "Oskar", "Petra", "Richard", "Sofia", "Theo",
		"Ursula", "Viktor", "Wanda", "Yusuf", "Zoe", "Aaron", "Berta", "Conrad", "Dora", "Emil", "Flora", "Georg", "Hanna", "Iris", "Jakob",
	}
	lastNames = []string{
		"Adler", "Bach", "Coleman", "Dietrich", "Ebner", "Fischer", "Gruber", "Hofer", "Ibsen", "Jensen", "Keller", "Lindqvist", "Maurer",
		"Novak", "Olsen", "Pichler", "Quint", "Rossi", "Sommer", "Thaler", "Unger", "Vogel", "Winter", "Xander", "Yilmaz", "Ziegler", "Albers",
		"Brandt", "Castell", "Dorn", "Engel", "Falk", "Graf", "Hartmann", "Imhof", "Jansen", "Koch", "Lang", "Moser", "Neumann",
	}
	statuses = []string{"completed", "confirmed", "processing", "pending", "on_hold", "draft"}
	people   = []string{"user:maria", "user:stefan", "user:agnes", "token:erp-import"}
)

// Tables of one connection: the models as the service wrote them, and the range of each in a thousand.
const keepModels = `
SET jit = off; SET work_mem = '64MB';
CREATE TEMP TABLE model_orders AS SELECT * FROM orders;
CREATE TEMP TABLE model_links AS SELECT * FROM links;
CREATE TEMP TABLE model_log AS SELECT * FROM log;
CREATE TEMP TABLE model_contents AS SELECT * FROM contents;
CREATE TEMP TABLE shares (model uuid, began timestamptz, low int, high int);
ANALYZE model_orders; ANALYZE model_links; ANALYZE model_log; ANALYZE model_contents;
CREATE FUNCTION pg_temp.fit(body json, model uuid, id uuid, number text, name text, mail text, status text) RETURNS json LANGUAGE sql AS $$
	SELECT replace(replace(replace(replace(replace(replace(body::text, model::text, id::text), '` + modelNumber + `', number),
		'` + modelRef + `', replace(number, 'P-', 'C-')), '` + modelName + `', name), '` + modelMail + `', mail),
		'"status":"confirmed"', '"status":"' || status || '"')::json $$;`

const keepShare = `INSERT INTO shares SELECT $1, min(at), $2, $3 FROM model_log WHERE order_id = $1`

// copyModels makes the orders $1 to $2 of $3, the last of which was made at $4. Versions and fingerprints
// stay those of the models: no page compares them with contents. Numbers of the log are drawn as the
// service draws them.
const copyModels = `
WITH made AS MATERIALIZED (
	SELECT i, model, at, at - began AS later, who, status, 'P-' || lpad(i::text, 7, '0') AS number, first || ' ' || last AS name,
		lower(first || '.' || last) || i || '@mail.example' AS mail,
		(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(h, 1, 3) || '8' || substr(h, 4, 15))::uuid AS id
	FROM (
		SELECT i, h, model, began, $4::timestamptz - ($3::int - i) * ($5::interval / $3) AS at,
			($6::text[])[1 + floor(power(a, 2.2) * cardinality($6::text[]))::int] AS first, ($7::text[])[1 + floor(b * cardinality($7::text[]))::int] AS last,
			($8::text[])[1 + floor(power(c, 3) * cardinality($8::text[]))::int] AS status, ($9::text[])[1 + i % cardinality($9::text[])] AS who
		FROM generate_series($1::int, $2::int) i JOIN shares ON i::bigint * 7919 % 1000 >= low AND i::bigint * 7919 % 1000 < high,
		LATERAL (SELECT md5(i::text) AS h) hashed,
		LATERAL (SELECT ('x' || substr(h, 20, 4))::bit(16)::int / 65536::float8 AS a, ('x' || substr(h, 24, 4))::bit(16)::int / 65536::float8 AS b,
			('x' || substr(h, 28, 4))::bit(16)::int / 65536::float8 AS c) drawn
	) x
), rows AS MATERIALIZED (
	SELECT nextval('log_seq') AS seq, i, model_seq
	FROM (SELECT i, seq AS model_seq FROM made JOIN model_log ON order_id = model ORDER BY i, seq) x
), logged AS (
	INSERT INTO log (seq, order_id, at, event, peer, received, was, was_since, becomes, rule, version, fingerprint, deleted, wrote, actor,
		request_id, reason, content, replaced, dropped)
	SELECT r.seq, m.id, l.at + later, l.event, l.peer, l.received, l.was, l.was_since + later, l.becomes, l.rule, l.version, l.fingerprint,
		l.deleted, l.wrote, CASE WHEN l.actor = 'admin:token' THEN who ELSE l.actor END, l.request_id, l.reason,
		content.seq, replaced.seq, dropped.seq
	FROM rows r JOIN made m USING (i) JOIN model_log l ON l.seq = r.model_seq
	LEFT JOIN rows content ON content.i = r.i AND content.model_seq = l.content
	LEFT JOIN rows replaced ON replaced.i = r.i AND replaced.model_seq = l.replaced
	LEFT JOIN rows dropped ON dropped.i = r.i AND dropped.model_seq = l.dropped ORDER BY r.seq
), written AS (
	INSERT INTO contents (seq, body) SELECT r.seq, pg_temp.fit(c.body, model, m.id, number, name, mail, m.status)
	FROM rows r JOIN made m USING (i) JOIN model_contents c ON c.seq = r.model_seq ORDER BY r.seq
), stored AS (
	INSERT INTO orders (id, seq, deleted, updated_at, version, fingerprint, order_number, status, content, words, placed_at)
	SELECT m.id, r.seq, o.deleted, o.updated_at + later, o.version, o.fingerprint, number, m.status,
		content.seq, to_tsvector('simple', concat_ws(' ', name, mail, replace(number, 'P-', 'C-'))) || '=folded'::tsvector, at
	FROM made m JOIN (SELECT i, max(seq) AS seq FROM rows GROUP BY i) r USING (i) JOIN model_orders o ON o.id = model
	LEFT JOIN rows content ON content.i = m.i AND content.model_seq = o.content ORDER BY m.i
)
INSERT INTO links (order_id, peer, state, due, since, agreed, theirs_version, theirs_fingerprint, theirs_deleted, theirs_updated_at,
	theirs, reason)
SELECT m.id, l.peer, l.state, l.due, l.since + later, l.agreed, l.theirs_version, l.theirs_fingerprint, l.theirs_deleted,
	l.theirs_updated_at + later, theirs.seq, l.reason
FROM made m JOIN model_links l ON l.order_id = model LEFT JOIN rows theirs ON theirs.i = m.i AND theirs.model_seq = l.theirs ORDER BY m.i`

// What people did that is no change of an order, and reconciliations, once for each so many orders.
const (
	copyAudit = `INSERT INTO audit (at, actor, action, subject, detail, request_id)
	SELECT a.at - ($1::int - i) * ($2::interval / $1), ($3::text[])[1 + i % cardinality($3::text[])], a.action, a.subject, a.detail, a.request_id
	FROM generate_series(1, $1::int) i, LATERAL (SELECT * FROM audit ORDER BY id LIMIT 1 OFFSET i % (SELECT count(*) FROM audit)) a ORDER BY i`
	copyReconciliations = `INSERT INTO reconciliations (id, peer, cause, dry_run, state, reason, requested_by, requested_at, decided_by, decided_at, finished_at)
	SELECT gen_random_uuid(), peer, cause, dry_run, state, reason, requested_by, requested_at - i * ($2::interval / $1), decided_by, decided_at, finished_at
	FROM reconciliations, generate_series(1, $1::int) i`
)

// copyAll multiplies the models to n orders, and is as tidy as autovacuum would leave it some time later.
func copyAll(ctx context.Context, conn *pgx.Conn, n int) error {
	if _, err := conn.Exec(ctx, keepModels); err != nil {
		return fmt.Errorf("keep the models: %w", err)
	}
	low := 0
	for i := len(models) - 1; i >= 0; i-- { // the first one is given what is left
		share := models[i].share
		if i == 0 {
			share = 1000 - low
		}
		if _, err := conn.Exec(ctx, keepShare, orderID(modelFirst+i, 0), low, low+share); err != nil {
			return fmt.Errorf("keep the models: %w", err)
		}
		low += share
	}
	end := time.Now()
	for first := 1; first <= n; first += copiesAtOnce {
		last := min(first+copiesAtOnce-1, n)
		if _, err := conn.Exec(ctx, copyModels, first, last, n, end, copiesSpan, firstNames, lastNames, statuses, people); err != nil {
			return fmt.Errorf("copy orders from number %d on: %w", first, err)
		}
	}
	if _, err := conn.Exec(ctx, copyAudit, n/20, copiesSpan, people); err != nil {
		return fmt.Errorf("copy the audit: %w", err)
	}
	if _, err := conn.Exec(ctx, copyReconciliations, n/5000, copiesSpan); err != nil {
		return fmt.Errorf("copy reconciliations: %w", err)
	}
	for _, statement := range []string{"VACUUM ANALYZE", "CHECKPOINT"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
