-- +goose NO TRANSACTION
-- +goose Up
-- When the source says that the value stops being an indicator: NULL when it
-- does not; and the date of the statement that says so, NULL when undated.
ALTER TABLE records ADD COLUMN IF NOT EXISTS valid_until timestamptz, ADD COLUMN IF NOT EXISTS valid_said timestamptz;
