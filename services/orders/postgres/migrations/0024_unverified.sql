-- +goose Up
-- Whether epochs of this side may exist whose names were not made with the key: of programs before it, or of a
-- database in whose place this one is.
ALTER TABLE epoch_key ADD COLUMN unverified boolean NOT NULL DEFAULT false;
UPDATE epoch_key SET unverified = EXISTS (SELECT FROM orders);
