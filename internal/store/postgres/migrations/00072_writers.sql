-- +goose NO TRANSACTION
-- +goose Up
-- Who is writing records: noted before the first transaction that dates any,
-- and taken back after the last. Views tell by it from when on they may lack
-- changes. What was killed stays for a day.
CREATE TABLE IF NOT EXISTS writers (
    id uuid PRIMARY KEY,                -- the run's, or one of its own
    since timestamptz NOT NULL
);
