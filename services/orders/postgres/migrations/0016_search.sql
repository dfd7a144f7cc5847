-- +goose NO TRANSACTION
-- +goose Up
-- When an order was placed, for lists. Orders of earlier versions, and those that a service of an earlier
-- version writes meanwhile, lack it, and the mark that their words were folded: the service adds both in
-- the background.
ALTER TABLE orders ADD COLUMN IF NOT EXISTS placed_at timestamptz NOT NULL DEFAULT 'epoch';
-- An index of a large table takes longer than a statement should; others go on writing meanwhile.
SET statement_timeout = 0;
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS orders_unindexed;
CREATE INDEX CONCURRENTLY orders_unindexed ON orders (id) WHERE NOT (words @@ '=folded'::tsquery);
RESET statement_timeout;
RESET lock_timeout;
