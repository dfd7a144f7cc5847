-- +goose NO TRANSACTION
-- +goose Up
-- Changes of orders by when they were made on this side, whoever made them.
SET statement_timeout = 0;
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS log_changes;
CREATE INDEX CONCURRENTLY log_changes ON log (at, seq);
RESET statement_timeout;
RESET lock_timeout;
