-- +goose Up
-- Each content is written once and stays as it is: orders, links and the log refer to it by its number. Until now it
-- was copied from one of them to another. The columns that held the copies are renamed, so that a service of an
-- earlier version that still runs fails instead of writing there. All of this is quick. The service moves the
-- contents of orders in the background, and those of an order that changes earlier together with that change.

-- +goose StatementBegin
-- Others wait behind who waits for such a lock, and a reader of the log that goes on to the orders would wait in a circle.
-- So each try is shorter than it takes to find a circle, and lets them go on when it fails.
DO $$
BEGIN
    FOR try IN 1..15 LOOP
        BEGIN
            SET LOCAL lock_timeout = '300ms';
            LOCK TABLE orders, links, log IN ACCESS EXCLUSIVE MODE;
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            IF try = 15 THEN
                RAISE;
            END IF;
            PERFORM pg_sleep(0.7);
        END;
    END LOOP;
END $$;
-- +goose StatementEnd

CREATE TABLE contents (
    seq  bigint PRIMARY KEY, -- number in the log of the change that wrote or kept it; see move_contents for moved ones
    body json NOT NULL
);

-- The number of the present content; a deleted order keeps its last one. Null when only the deletion is known here,
-- -1 until the contents of the order are moved.
ALTER TABLE orders ADD COLUMN content bigint DEFAULT -1;
ALTER TABLE orders ALTER COLUMN content DROP DEFAULT;
ALTER TABLE orders RENAME COLUMN body TO old_body;
-- Half of each page is left free for the next version of each row: an update within its page touches no index.
ALTER TABLE orders SET (fillfactor = 50);

-- The content of the other side's version while in conflict.
ALTER TABLE links ADD COLUMN theirs bigint;
ALTER TABLE links RENAME COLUMN theirs_body TO old_theirs_body;

ALTER TABLE log RENAME COLUMN replaced TO old_replaced;
ALTER TABLE log RENAME COLUMN dropped TO old_dropped;
ALTER TABLE log ADD COLUMN content bigint;  -- of the order after a change of it; null after a deletion
ALTER TABLE log ADD COLUMN replaced bigint; -- the content that this change replaced or deleted
ALTER TABLE log ADD COLUMN dropped bigint;  -- the other side's content that was kept until this change

-- The next order whose contents are to be moved. There is no row when all are.
CREATE TABLE contents_to_move (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    next uuid NOT NULL
);
INSERT INTO contents_to_move (next)
SELECT '00000000-0000-0000-0000-000000000000' WHERE EXISTS (SELECT FROM orders) OR EXISTS (SELECT FROM links);

-- The functions below may be planned while the tables are empty and run when they are full. So what they look for is found
-- row by row, by its key: OFFSET and arrays keep the planner from joining whole tables instead.
-- As in migration 0015, only these functions change or remove history, with the rights of their owner.
DROP FUNCTION remove_log_rows, remove_log_contents, remove_tombstone_contents;

-- +goose StatementBegin
-- Moves the contents of orders to where they belong now; doing it again changes nothing. The present content gets the
-- number of the order's newest change, a content of the log a negative number made of that of its row, and one beside
-- a link a new number. In the log it only adds references, so that no caller rewrites history with it.
CREATE FUNCTION move_contents(ids uuid[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    -- In the order in which changes lock them. Of an order that is not here there are only links to lock.
    PERFORM FROM orders WHERE id = ANY(ids) ORDER BY id FOR UPDATE;
    PERFORM FROM links l WHERE order_id = ANY(ids) AND (old_theirs_body IS NOT NULL OR NOT EXISTS (SELECT FROM orders WHERE id = l.order_id OFFSET 0))
        ORDER BY order_id, peer FOR UPDATE;
    INSERT INTO contents SELECT seq, old_body FROM orders WHERE id = ANY(ids) AND content = -1 AND old_body IS NOT NULL;
    INSERT INTO contents SELECT -2 * seq, old_replaced FROM log WHERE order_id = ANY(ids) AND old_replaced IS NOT NULL;
    INSERT INTO contents SELECT -2 * seq - 1, old_dropped FROM log WHERE order_id = ANY(ids) AND old_dropped IS NOT NULL;
    WITH kept AS (
        SELECT order_id, peer, nextval('log_seq') AS n, old_theirs_body AS body FROM links WHERE order_id = ANY(ids) AND old_theirs_body IS NOT NULL
    ), moved AS (
        INSERT INTO contents SELECT n, body FROM kept
    )
    UPDATE links l SET theirs = n, old_theirs_body = NULL FROM kept k WHERE l.order_id = k.order_id AND l.peer = k.peer;
    -- A content was the order's until the next change that replaced one, or to this day. A deletion left it in its
    -- place for the next change that wrote one.
    UPDATE log l SET old_replaced = NULL, old_dropped = NULL,
        content = COALESCE(l.content, CASE WHEN w.moves AND l.wrote AND NOT l.deleted THEN COALESCE(-2 * w.replacing, w.present) END),
        replaced = COALESCE(l.replaced, CASE WHEN l.old_replaced IS NOT NULL THEN -2 * l.seq
            WHEN w.moves AND l.wrote AND l.deleted AND NOT w.was_deleted THEN
                CASE WHEN w.writing IS NULL THEN w.present WHEN w.writing = w.replacing THEN -2 * w.replacing END END),
        dropped = COALESCE(l.dropped, CASE WHEN l.old_dropped IS NOT NULL THEN -2 * l.seq - 1 END)
    FROM (
        SELECT x.seq, o.content = -1 AS moves, CASE WHEN o.old_body IS NOT NULL THEN o.seq END AS present,
            min(x.seq) FILTER (WHERE x.old_replaced IS NOT NULL) OVER later AS replacing,
            min(x.seq) FILTER (WHERE x.wrote AND NOT x.deleted) OVER later AS writing,
            COALESCE(max(x.seq) FILTER (WHERE x.wrote AND x.deleted) OVER earlier, 0) >
                COALESCE(max(x.seq) FILTER (WHERE x.wrote AND NOT x.deleted) OVER earlier, 0) AS was_deleted
        FROM log x LEFT JOIN orders o ON o.id = x.order_id WHERE x.order_id = ANY(ids)
        WINDOW earlier AS (PARTITION BY x.order_id ORDER BY x.seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
            later AS (PARTITION BY x.order_id ORDER BY x.seq DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ) w WHERE l.order_id = ANY(ids) AND l.seq = w.seq AND (w.moves AND l.wrote OR l.old_replaced IS NOT NULL OR l.old_dropped IS NOT NULL);
    UPDATE orders SET content = CASE WHEN old_body IS NOT NULL THEN seq END, old_body = NULL WHERE id = ANY(ids) AND content = -1;
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- Removes those of some contents that nothing refers to any more. The orders must be those that they are of. Only the
-- functions below call it.
CREATE FUNCTION remove_contents(seqs bigint[], ids uuid[]) RETURNS bigint LANGUAGE sql AS $$
    WITH gone AS (
        DELETE FROM contents WHERE seq = ANY(ARRAY(
            SELECT unnest(seqs) EXCEPT SELECT content FROM orders WHERE id = ANY(ids)
            EXCEPT SELECT theirs FROM links WHERE order_id = ANY(ids)
            EXCEPT SELECT unnest(ARRAY[content, replaced, dropped]) FROM log WHERE order_id = ANY(ids))) RETURNING seq
    ) SELECT count(*) FROM gone
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- Removes rows of the log that are not young, of orders that are settled everywhere: there the present version is the
-- base of whatever comes, so what is older serves nobody. The newest row of each order stays, since the log tells of
-- every order, but not what it replaced. Returns how many rows and contents went, and the highest number of a row.
CREATE FUNCTION clean_log(rows bigint[], retention interval, OUT removed bigint, OUT up_to bigint, OUT emptied bigint)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    ids uuid[];
    seqs bigint[];
BEGIN
    WITH old AS MATERIALIZED (
        SELECT l.seq, l.order_id, ARRAY[l.content, l.replaced, l.dropped] AS refers, o.seq = l.seq AS newest
        FROM log l, LATERAL (SELECT seq FROM orders WHERE id = l.order_id OFFSET 0) o
        WHERE l.seq = ANY(rows) AND now() - l.at > greatest(retention, interval '1 hour') -- no condition of log_changes
        AND NOT EXISTS (SELECT FROM links k WHERE k.order_id = l.order_id AND k.state NOT IN (3, 5) OFFSET 0)
    ), gone AS (
        DELETE FROM log WHERE seq = ANY(ARRAY(SELECT seq FROM old WHERE NOT newest)) RETURNING seq
    ), kept AS (
        UPDATE log SET replaced = NULL, dropped = NULL WHERE seq = ANY(ARRAY(SELECT seq FROM old WHERE newest)) AND num_nonnulls(replaced, dropped) > 0
    )
    SELECT (SELECT count(*) FROM gone), (SELECT max(seq) FROM gone), array_agg(DISTINCT order_id),
        (SELECT array_agg(DISTINCT n) FROM old, unnest(refers) n WHERE n IS NOT NULL)
    INTO removed, up_to, ids, seqs FROM old;
    emptied := remove_contents(seqs, ids);
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- Removes what is known of orders whose deletion is not young and that each of the peers has deleted, but that they
-- were deleted. Those that somebody works on now are left out.
CREATE FUNCTION clean_tombstones(candidates uuid[], peers text[], retention interval, OUT removed bigint, OUT emptied bigint)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    ids uuid[];
    seqs bigint[];
BEGIN
    SELECT array_agg(id) INTO ids FROM (
        SELECT id FROM orders WHERE id = ANY(candidates) AND deleted AND content IS NOT NULL ORDER BY id FOR UPDATE SKIP LOCKED) o;
    -- Links change only under this lock, so they are read by a statement after it.
    WITH gone AS (
        UPDATE orders o SET content = NULL, words = NULL, order_number = '', status = ''
        WHERE o.id = ANY(ids) AND (SELECT l.at FROM log l WHERE l.seq = o.seq) < now() - greatest(retention, interval '1 hour')
        AND NOT EXISTS (SELECT FROM links k WHERE k.order_id = o.id AND k.state NOT IN (3, 5) OFFSET 0)
        AND NOT EXISTS (SELECT FROM unnest(peers) p WHERE NOT EXISTS (SELECT FROM links k WHERE k.order_id = o.id AND k.peer = p AND k.state = 5 OFFSET 0) OFFSET 0)
        RETURNING o.id, (SELECT was.content FROM orders was WHERE was.id = o.id)
    ) SELECT array_agg(id), array_agg(content), count(*) INTO ids, seqs, removed FROM gone;
    seqs := seqs || ARRAY(SELECT n FROM log l, unnest(ARRAY[l.content, l.replaced, l.dropped]) n WHERE l.order_id = ANY(ids) AND n IS NOT NULL);
    UPDATE log SET content = NULL, replaced = NULL, dropped = NULL WHERE order_id = ANY(ids) AND num_nonnulls(content, replaced, dropped) > 0;
    emptied := remove_contents(seqs, ids);
END
$$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION move_contents, remove_contents, clean_log, clean_tombstones FROM PUBLIC;
-- +goose StatementBegin
-- A caller's temporary tables must not stand in for ours.
DO $$
DECLARE f regprocedure;
BEGIN
    FOREACH f IN ARRAY ARRAY['move_contents(uuid[])', 'remove_contents(bigint[], uuid[])', 'clean_log(bigint[], interval)',
        'clean_tombstones(uuid[], text[], interval)']::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
    END LOOP;
END $$;
-- +goose StatementEnd
