-- +goose Up
-- The log is only added to. What the clean-up removes from it these functions remove, with the rights of their
-- owner, so that the service's own user needs no right to change or delete rows. They remove nothing young.
-- +goose StatementBegin
-- Of an order that is settled everywhere the present version is the base of whatever comes, so what is older
-- serves nobody. Its newest change stays, since the log tells of every order.
CREATE FUNCTION remove_log_rows(seqs bigint[], retention interval) RETURNS SETOF bigint LANGUAGE sql SECURITY DEFINER AS $$
    DELETE FROM log l USING orders o WHERE l.seq = ANY(seqs) AND l.at < now() - greatest(retention, interval '1 hour')
    AND o.id = l.order_id AND o.seq <> l.seq
    AND NOT EXISTS (SELECT FROM links k WHERE k.order_id = l.order_id AND k.state NOT IN (3, 5)) RETURNING l.seq
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION remove_log_contents(seqs bigint[], retention interval) RETURNS SETOF bigint LANGUAGE sql SECURITY DEFINER AS $$
    UPDATE log l SET replaced = NULL, dropped = NULL FROM orders o WHERE l.seq = ANY(seqs)
    AND l.at < now() - greatest(retention, interval '1 hour') AND o.id = l.order_id
    AND (l.replaced IS NOT NULL OR l.dropped IS NOT NULL)
    AND NOT EXISTS (SELECT FROM links k WHERE k.order_id = l.order_id AND k.state NOT IN (3, 5)) RETURNING l.seq
$$;
-- +goose StatementEnd
-- +goose StatementBegin
-- What the log holds of deleted orders whose content was removed.
CREATE FUNCTION remove_tombstone_contents(ids uuid[]) RETURNS SETOF bigint LANGUAGE sql SECURITY DEFINER AS $$
    UPDATE log l SET replaced = NULL, dropped = NULL FROM orders o WHERE o.id = ANY(ids) AND o.deleted AND o.body IS NULL
    AND l.order_id = o.id AND (l.replaced IS NOT NULL OR l.dropped IS NOT NULL) RETURNING l.seq
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION remove_log_rows, remove_log_contents, remove_tombstone_contents FROM PUBLIC;
-- +goose StatementBegin
-- A caller's temporary tables must not stand in for ours.
DO $$
DECLARE f text;
BEGIN
    FOREACH f IN ARRAY ARRAY['remove_log_rows(bigint[], interval)', 'remove_log_contents(bigint[], interval)', 'remove_tombstone_contents(uuid[])'] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
    END LOOP;
END $$;
-- +goose StatementEnd
