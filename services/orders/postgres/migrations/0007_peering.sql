-- +goose Up
-- What this side knows of each peer, besides the links.
ALTER TABLE peers
    ALTER COLUMN paused SET DEFAULT false,
    ADD COLUMN held_at         timestamptz,            -- nothing is carried until a person has looked
    ADD COLUMN held_reason     text NOT NULL DEFAULT '',
    ADD COLUMN evidence        text NOT NULL DEFAULT '', -- our numbers that the peer has seen and our log has not
    ADD COLUMN proved_at       timestamptz,
    ADD COLUMN proof           json,
    ADD COLUMN brake_tripped   smallint NOT NULL DEFAULT 0, -- 1 deletions, 2 replacements, 3 both
    ADD COLUMN brake_off_until timestamptz;

-- One comparison of both sides, asked for, under way, or done.
CREATE TABLE reconciliations (
    id           uuid PRIMARY KEY,
    peer         text NOT NULL,
    cause        text NOT NULL,
    dry_run      boolean NOT NULL,
    state        text NOT NULL,
    reason       text NOT NULL DEFAULT '',
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    decided_by   text NOT NULL DEFAULT '',  -- who let it through, or dropped it
    decided_at   timestamptz,
    except_ids   uuid[] NOT NULL DEFAULT '{}',
    runner       text NOT NULL DEFAULT '',
    seen_at      timestamptz,               -- last sign of the runner
    finished_at  timestamptz,
    report       json
);
CREATE INDEX reconciliations_newest ON reconciliations (peer, requested_at DESC, id);
CREATE UNIQUE INDEX reconciliations_open ON reconciliations (peer) WHERE state IN ('requested', 'running', 'held', 'confirmed');

-- The highest numbers of other sides that were seen here, for each of their epochs.
CREATE TABLE sightings (
    key text PRIMARY KEY,
    n   bigint NOT NULL,
    at  timestamptz NOT NULL
);

-- Numbers of this side that a restored database does not have, and that a person has written off.
CREATE TABLE written_off (
    key text PRIMARY KEY,
    n   bigint NOT NULL
);

-- The stream as it was when it was last looked at.
CREATE TABLE broker (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    created_at  timestamptz NOT NULL,
    last_seq    bigint NOT NULL,
    lost_at     timestamptz,
    lost_reason text NOT NULL DEFAULT ''
);
