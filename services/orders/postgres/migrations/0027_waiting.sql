-- +goose NO TRANSACTION
-- +goose Up
-- Whether an order has a hint that waits. Without an index each question reads the whole outbox, for each order.
SET statement_timeout = 0;
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS outbox_order;
CREATE INDEX CONCURRENTLY outbox_order ON outbox (order_id, peer);
RESET statement_timeout;
RESET lock_timeout;
