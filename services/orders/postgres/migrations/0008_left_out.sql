-- +goose Up
-- Orders that a person left out of a reconciliation with a peer: they stay as they are until somebody
-- asks for all.
ALTER TABLE peers ADD COLUMN left_out uuid[] NOT NULL DEFAULT '{}';
