-- +goose Up

-- When the source says that the value stops being an indicator: NULL when it
-- does not; and the date of the statement that says so, NULL when undated.
ALTER TABLE records ADD COLUMN valid_until INTEGER;
ALTER TABLE records ADD COLUMN valid_said INTEGER;

-- What a sighting said of it; and, of the one that made a record without any
-- date, what it was dated with instead.
ALTER TABLE sightings ADD COLUMN valid_until INTEGER;
ALTER TABLE sightings ADD COLUMN assumed INTEGER;

-- How many sightings a run has: NULL in runs that began before this was
-- counted.
ALTER TABLE runs ADD COLUMN sightings INTEGER;
