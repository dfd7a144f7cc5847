-- +goose Up
-- When an order with an intent was last asked for, so that each gets its turn; null until it was.
ALTER TABLE connector_intents ADD COLUMN tried_at timestamptz;
-- The reason why a person has to decide about an intent; empty if none has to.
ALTER TABLE connector_intents ADD COLUMN stuck text NOT NULL DEFAULT '';

-- The system wants no call before this time.
ALTER TABLE connector ADD COLUMN not_before timestamptz;

-- Why less can be promised than the last probe saw; empty when it is not so.
ALTER TABLE connector ADD COLUMN lowered text NOT NULL DEFAULT '';

-- Ids of the system that the present sweep has listed. A crash of the server may empty it: then all orders are asked for.
CREATE UNLOGGED TABLE connector_listed (
    foreign_id text PRIMARY KEY
);
