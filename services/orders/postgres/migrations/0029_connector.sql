-- +goose Up
-- What a connector knows of the orders of the system that it stands for. The tables of other sides stay empty.
CREATE TABLE connector_records (
    order_id   uuid PRIMARY KEY,
    foreign_id text UNIQUE,                    -- the system's own id; null until there is one
    lines      jsonb NOT NULL DEFAULT '{}',    -- from the system's id of a line to ours
    deleted_as text NOT NULL DEFAULT '',       -- fingerprint of what the system held when the order was deleted here
    missing    timestamptz,                    -- when the system first said that it does not have the order
    fault      text NOT NULL DEFAULT '',       -- why it cannot be read or written
    fault_at   timestamptz,
    rewritten  jsonb NOT NULL DEFAULT '{}'     -- how often in a row the system made something else of a field
);
CREATE INDEX connector_missing ON connector_records (missing) WHERE missing IS NOT NULL;
CREATE INDEX connector_faults ON connector_records (fault_at) WHERE fault <> '';

-- Writes to the system that are under way: stored before the first request goes out, until their effect is stored.
CREATE TABLE connector_intents (
    order_id uuid PRIMARY KEY,
    creates  boolean NOT NULL,
    before   text NOT NULL,  -- fingerprint of the order here
    target   text NOT NULL,  -- fingerprint of what is to be
    body     json,           -- content of that; null for a deletion
    held     text NOT NULL,  -- fingerprint of what an earlier write had made of the order; empty when there was none
    sent_at  timestamptz NOT NULL
);

CREATE TABLE connector (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    cursor   timestamptz,                    -- of the system's clock: how far its changes have been read
    imported boolean NOT NULL DEFAULT false, -- all its orders were seen once
    probe    jsonb
);
INSERT INTO connector DEFAULT VALUES;
