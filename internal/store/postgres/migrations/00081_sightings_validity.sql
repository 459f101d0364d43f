-- +goose NO TRANSACTION
-- +goose Up
-- What a sighting said of it; and, of the one that made a record without any
-- date, what it was dated with instead.
ALTER TABLE sightings ADD COLUMN IF NOT EXISTS valid_until timestamptz, ADD COLUMN IF NOT EXISTS assumed timestamptz;
