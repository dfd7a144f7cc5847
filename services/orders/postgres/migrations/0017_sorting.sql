-- +goose NO TRANSACTION
-- +goose Up
-- Lists come by when orders were placed; none comes by id any more.
SET statement_timeout = 0;
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS orders_placed;
CREATE INDEX CONCURRENTLY orders_placed ON orders (placed_at, id);
DROP INDEX CONCURRENTLY IF EXISTS orders_placed_deleted;
CREATE INDEX CONCURRENTLY orders_placed_deleted ON orders (placed_at, id) WHERE deleted;
DROP INDEX CONCURRENTLY IF EXISTS orders_placed_status;
CREATE INDEX CONCURRENTLY orders_placed_status ON orders (status, placed_at, id) WHERE NOT deleted;
DROP INDEX CONCURRENTLY IF EXISTS orders_status;
RESET statement_timeout;
RESET lock_timeout;
