-- +goose NO TRANSACTION
-- +goose Up
-- id is version 5 of the name.
CREATE TABLE IF NOT EXISTS feeds (
    id uuid PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    category text COLLATE "C" NOT NULL
);
