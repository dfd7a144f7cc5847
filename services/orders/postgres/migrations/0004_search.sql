-- +goose Up
-- The column is written for every order that there is, which may take longer than a statement of ours
-- should.
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;

-- The words that a person looks for an order by. As a column of its own, an edit that does not change
-- them leaves its indexes alone.
ALTER TABLE orders ADD COLUMN words tsvector GENERATED ALWAYS AS (to_tsvector('simple',
    COALESCE(body -> 'customer' ->> 'name', '') || ' ' || COALESCE(body -> 'customer' ->> 'company', '') || ' ' ||
    COALESCE(body -> 'customer' ->> 'email', '') || ' ' || COALESCE(body -> 'customer' ->> 'ref', ''))) STORED;
CREATE INDEX orders_words ON orders USING gin (words);
-- Order numbers by how they begin.
CREATE INDEX orders_number ON orders ((lower(order_number) COLLATE "C"));
CREATE INDEX orders_status ON orders (status, id) WHERE NOT deleted;
