-- +goose Up
-- How far the log was cleaned up, and when that was last begun. There is one row.
CREATE TABLE cleanup (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    up_to  bigint NOT NULL,       -- highest number of the log that was ever removed
    ran_at timestamptz
);
INSERT INTO cleanup (up_to) VALUES (0);
