-- +goose NO TRANSACTION
-- +goose Up
-- Append-only: what was said of a record, in the order it was said. A record
-- that learnt nothing since it was made has no rows: the record itself is what
-- was said of it, and becomes the first row before it changes.
CREATE TABLE IF NOT EXISTS sightings (
    indicator_id uuid NOT NULL,
    record_id uuid NOT NULL,
    seq bigint NOT NULL,
    run_id uuid NOT NULL,
    seen_at timestamptz NOT NULL,
    facet_id uuid NOT NULL,
    first_seen timestamptz,             -- NULL: undated
    last_seen timestamptz,
    ports text,
    context text,
    PRIMARY KEY (indicator_id, record_id, seq)
);
