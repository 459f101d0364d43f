-- +goose NO TRANSACTION
-- +goose Up
-- id is version 5 of the name.
CREATE TABLE IF NOT EXISTS accounts (
    id uuid PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL
);
