-- +goose Up
-- Building an index of a long audit may take longer than a statement of ours should.
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;

-- What one person proposes for a collision, until another one approves or rejects it. The case is named by
-- its two versions: the proposal is void once one of them is another one.
CREATE TABLE proposals (
    order_id    uuid NOT NULL,
    peer        text NOT NULL,
    id          uuid NOT NULL UNIQUE,
    ours        text NOT NULL,
    theirs      text NOT NULL,
    resolution  json NOT NULL,
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, peer)
);

-- What the audit tells of orders is what was proposed for them; their changes are in the log.
CREATE INDEX audit_orders ON audit (subject, at, id) WHERE subject LIKE 'order:%';
