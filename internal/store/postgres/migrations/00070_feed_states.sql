-- +goose NO TRANSACTION
-- +goose Up
-- What the schedule remembers of a feed. It needs no row in feeds: a feed may
-- have been asked for and never have answered.
CREATE TABLE IF NOT EXISTS feed_states (
    feed text COLLATE "C" PRIMARY KEY,
    state text NOT NULL                 -- JSON
);
