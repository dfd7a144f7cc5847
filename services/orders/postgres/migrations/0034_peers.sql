-- +goose Up
-- When a peer was found not to be among the settings any more; null while it is. What is stored of it gets no further
-- changes, so it is as old as that.
ALTER TABLE peers ADD COLUMN left_at timestamptz;

-- +goose StatementBegin
-- Removes links to a peer, of the orders after an id, and what only these refer to. Last is the last order looked at, null when there
-- are no more.
CREATE FUNCTION forget_links(gone text, after uuid, most integer, OUT removed bigint, OUT last uuid)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    ids uuid[];
    seqs bigint[];
BEGIN
    SELECT array_agg(order_id) INTO ids FROM (
        SELECT order_id FROM links WHERE peer = gone AND order_id > after ORDER BY order_id LIMIT most) l;
    last := ids[cardinality(ids)];
    PERFORM FROM orders WHERE id = ANY(ids) ORDER BY id FOR UPDATE; -- links change only under this lock
    WITH dropped AS (DELETE FROM links WHERE order_id = ANY(ids) AND peer = gone RETURNING theirs)
    SELECT count(*), array_agg(theirs) FILTER (WHERE theirs IS NOT NULL) INTO removed, seqs FROM dropped;
    PERFORM remove_contents(seqs, ids);
END
$$;
-- +goose StatementEnd

-- Links to peers that have left keep nothing from being removed.
-- +goose StatementBegin
-- Removes rows of the log that are not young, of orders that are settled towards each peer that has not left: there the present version is the
-- base of whatever comes, so what is older serves nobody. The newest row of each order stays, since the log tells of
-- every order, but not what it replaced. Returns how many rows and contents went, and the highest number of a row.
CREATE OR REPLACE FUNCTION clean_log(rows bigint[], retention interval, OUT removed bigint, OUT up_to bigint, OUT emptied bigint)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    ids uuid[];
    seqs bigint[];
BEGIN
    WITH old AS MATERIALIZED (
        SELECT l.seq, l.order_id, ARRAY[l.content, l.replaced, l.dropped] AS refers, o.seq = l.seq AS newest
        FROM log l, LATERAL (SELECT seq FROM orders WHERE id = l.order_id OFFSET 0) o
        WHERE l.seq = ANY(rows) AND now() - l.at > greatest(retention, interval '1 hour') -- no condition of log_changes
        AND NOT EXISTS (SELECT FROM links k WHERE k.order_id = l.order_id AND k.state NOT IN (3, 5)
            AND k.peer IN (SELECT p.peer FROM peers p WHERE p.left_at IS NULL) OFFSET 0)
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
CREATE OR REPLACE FUNCTION clean_tombstones(candidates uuid[], peers text[], retention interval, OUT removed bigint, OUT emptied bigint)
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
        AND NOT EXISTS (SELECT FROM links k WHERE k.order_id = o.id AND k.state NOT IN (3, 5)
            AND k.peer IN (SELECT p.peer FROM peers p WHERE p.left_at IS NULL) OFFSET 0)
        AND NOT EXISTS (SELECT FROM unnest(peers) p WHERE NOT EXISTS (SELECT FROM links k WHERE k.order_id = o.id AND k.peer = p AND k.state = 5 OFFSET 0) OFFSET 0)
        RETURNING o.id, (SELECT was.content FROM orders was WHERE was.id = o.id)
    ) SELECT array_agg(id), array_agg(content), count(*) INTO ids, seqs, removed FROM gone;
    seqs := seqs || ARRAY(SELECT n FROM log l, unnest(ARRAY[l.content, l.replaced, l.dropped]) n WHERE l.order_id = ANY(ids) AND n IS NOT NULL);
    UPDATE log SET content = NULL, replaced = NULL, dropped = NULL WHERE order_id = ANY(ids) AND num_nonnulls(content, replaced, dropped) > 0;
    emptied := remove_contents(seqs, ids);
END
$$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION forget_links FROM PUBLIC;
-- +goose StatementBegin
-- A caller's temporary tables must not stand in for ours.
DO $$
DECLARE f regprocedure;
BEGIN
    FOREACH f IN ARRAY ARRAY['clean_log(bigint[], interval)', 'clean_tombstones(uuid[], text[], interval)', 'forget_links(text, uuid, integer)']::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
    END LOOP;
END $$;
-- +goose StatementEnd
