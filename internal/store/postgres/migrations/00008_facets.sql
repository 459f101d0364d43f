-- +goose NO TRANSACTION
-- +goose Up
-- What a source can say of a value besides the value and its dates. Records
-- and sightings that agree in all of it share a row, so that filters narrow a
-- few thousand facets instead of millions of records. id is version 5 of what
-- the row says: no server ever hands out one for two meanings, not even after
-- a failover that lost some.
CREATE TABLE IF NOT EXISTS facets (
    id uuid PRIMARY KEY,
    feed_id uuid NOT NULL REFERENCES feeds (id),
    type smallint NOT NULL,
    confidence smallint NOT NULL,
    origin smallint NOT NULL,
    tlp smallint NOT NULL,
    labels text NOT NULL,               -- JSON: tags, families, techniques, industries, warnings
    warned boolean NOT NULL,            -- whether there is a warning
    records bigint NOT NULL,            -- how many records have it now
    last_seq bigint NOT NULL            -- no record that has it was changed later
);
