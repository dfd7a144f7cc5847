-- +goose Up
-- Numbers of the log, and of the versions: given out one by one and never cached, so that a number
-- drawn later is a higher one.
CREATE SEQUENCE log_seq AS bigint CACHE 1;

-- The present content of each order. A deleted order keeps its last content.
CREATE TABLE orders (
    id           uuid PRIMARY KEY,
    seq          bigint NOT NULL,       -- number in the log of its newest change
    deleted      boolean NOT NULL,
    updated_at   timestamptz NOT NULL,  -- when its author wrote the content
    version      text NOT NULL,         -- canonical text of the version vector
    fingerprint  text NOT NULL,
    order_number text NOT NULL,
    status       text NOT NULL,
    body         json                   -- null when only the deletion is known here
) WITH (fillfactor = 80);

CREATE INDEX orders_deleted ON orders (id) WHERE deleted;

-- How each order stands towards each peer. What is not settled here is the truth about unsynced work.
CREATE TABLE links (
    order_id           uuid NOT NULL,   -- may be an order that this side refused and does not have
    peer               text NOT NULL,
    state              smallint NOT NULL CHECK (state BETWEEN 1 AND 8),
    due                boolean NOT NULL, -- the peer must still be told: there has to be a hint
    since              timestamptz NOT NULL,
    agreed             text NOT NULL,   -- version last agreed; when settled, the order's
    theirs_version     text,            -- the other side's version while in conflict
    theirs_fingerprint text,
    theirs_deleted     boolean,
    theirs_updated_at  timestamptz,
    theirs_body        json,
    reason             text NOT NULL DEFAULT '',
    PRIMARY KEY (order_id, peer)
) WITH (fillfactor = 80);
CREATE INDEX links_deleted ON links (peer) WHERE state = 5;
CREATE INDEX links_open ON links (peer, state, since, order_id) WHERE state NOT IN (3, 5);

-- Every change of an order and every transition of a link but the routine acknowledgement.
CREATE TABLE log (
    seq         bigint PRIMARY KEY,
    order_id    uuid NOT NULL,
    at          timestamptz NOT NULL,
    event       smallint NOT NULL,
    peer        text NOT NULL,
    received    smallint NOT NULL,
    was         smallint NOT NULL,
    was_since   timestamptz,            -- when the link took that state: the time of an acknowledgement
    becomes     smallint NOT NULL,
    rule        smallint NOT NULL,
    version     text NOT NULL,          -- of the order after the change
    fingerprint text NOT NULL,
    deleted     boolean NOT NULL,
    wrote       boolean NOT NULL,       -- the order's version changed
    actor       text NOT NULL,
    request_id  text NOT NULL,
    reason      text NOT NULL,
    replaced    json,                   -- the content that this change replaced
    dropped     json                    -- the other side's content that was kept until this change
);
CREATE INDEX log_order ON log (order_id, seq);

-- Hints that JetStream has not taken yet. Read by row, never by "above the last id".
CREATE TABLE outbox (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id uuid NOT NULL,
    peer     text NOT NULL,
    version  text NOT NULL,
    state    smallint NOT NULL,
    at       timestamptz NOT NULL
);

-- What a person decided about a peer. The broker holds the pause too, but its store may be lost.
CREATE TABLE peers (
    peer   text PRIMARY KEY,
    paused boolean NOT NULL
);

-- Creations that must happen once.
CREATE TABLE idempotency_keys (
    key          text PRIMARY KEY,
    request_hash text NOT NULL,
    order_id     uuid NOT NULL,
    at           timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idempotency_keys_at ON idempotency_keys (at);
