-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS articles (
    id uuid PRIMARY KEY,
    feed_id uuid NOT NULL REFERENCES feeds (id),
    title text NOT NULL,
    url text NOT NULL,
    details text NOT NULL               -- JSON of what records do not show
);
