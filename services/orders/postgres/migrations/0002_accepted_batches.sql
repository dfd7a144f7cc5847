-- +goose Up
-- Batches that were too large to be answered at once, or whose sender did not want to wait.
CREATE TABLE accepted_batches (
    id           uuid PRIMARY KEY,      -- rises with the time of acceptance
    role         text NOT NULL,         -- whose token sent it
    peer         text NOT NULL,         -- whose entries these are
    request_id   text NOT NULL,
    body_hash    bytea NOT NULL,        -- by which one that is sent again is known
    accepted_at  timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,
    ended_at     timestamptz,
    failure      text NOT NULL DEFAULT '',
    attempts     integer NOT NULL DEFAULT 0, -- at the piece that is next
    leased_by    text NOT NULL DEFAULT '',   -- the process that works on it
    leased_until timestamptz NOT NULL DEFAULT '-infinity'
);
CREATE INDEX accepted_batches_open ON accepted_batches (id) WHERE ended_at IS NULL;
CREATE INDEX accepted_batches_ended ON accepted_batches (ended_at) WHERE ended_at IS NOT NULL;

-- Their entries, in pieces that are applied in a transaction each, and then the answers to them.
CREATE TABLE accepted_pieces (
    batch_id uuid NOT NULL REFERENCES accepted_batches ON DELETE CASCADE,
    number   integer NOT NULL,          -- from 1
    entries  integer NOT NULL,
    collided integer NOT NULL DEFAULT 0,
    refused  integer NOT NULL DEFAULT 0,
    body     bytea NOT NULL,            -- empty once it is applied
    answers  bytea,                     -- once it is applied
    PRIMARY KEY (batch_id, number)
);
ALTER TABLE accepted_pieces ALTER COLUMN body SET STORAGE EXTERNAL; -- too short-lived to be compressed
