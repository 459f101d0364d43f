-- +goose NO TRANSACTION
-- +goose Up
-- How many sightings a run has: NULL in runs of servers that did not count.
ALTER TABLE runs ADD COLUMN IF NOT EXISTS sightings bigint;
