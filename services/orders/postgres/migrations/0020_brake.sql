-- +goose Up
-- What the brake towards a peer has counted: replicas share it, and a restart does not forget it.
ALTER TABLE peers
    ADD COLUMN brake_since        timestamptz,                -- begin of the window
    ADD COLUMN brake_deletions    bigint NOT NULL DEFAULT 0,  -- counted in it
    ADD COLUMN brake_replacements bigint NOT NULL DEFAULT 0;

-- What an operator has confirmed passes the brake, and nothing else.
ALTER TABLE reconciliations
    ADD COLUMN confirmed_plan      json,                      -- the report as it was confirmed
    ADD COLUMN passed_deletions    bigint NOT NULL DEFAULT 0, -- of orders that the plan does not name
    ADD COLUMN passed_replacements bigint NOT NULL DEFAULT 0;
