-- +goose Up
-- The key of the codes in the names of this side's epochs. It is in every backup, so a restored database still
-- knows the names that were given out after the backup was made.
CREATE TABLE epoch_key (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    key text NOT NULL
);
INSERT INTO epoch_key (key) VALUES (gen_random_uuid()::text || gen_random_uuid()::text);

-- Epochs of processes that run now, and how far each has come.
CREATE TABLE live_epochs (
    key    text PRIMARY KEY,
    issued bigint NOT NULL,
    server timestamptz, -- when the database server was started that gave it
    at     timestamptz NOT NULL
);

-- What each peer reported to have seen of this side. Null until a handshake in which no number was missing.
ALTER TABLE peers ADD COLUMN told json;

-- An epoch that an operator has confirmed the loss of is over, whatever number is claimed of it.
UPDATE written_off SET n = 9223372036854775807;
