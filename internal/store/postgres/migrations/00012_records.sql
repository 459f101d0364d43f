-- +goose NO TRANSACTION
-- +goose Up
-- One value as one source reports it. All records of a value have one
-- indicator_id, version 5 of type and key: what a table in pieces is cut by.
-- What refers to other tables is checked by spoor check, not by constraints:
-- they would cost an import a look-up a row.
CREATE TABLE IF NOT EXISTS records (
    indicator_id uuid NOT NULL,
    id uuid NOT NULL,                   -- name-based, unique by feed, article, type and value
    run_id uuid NOT NULL,               -- the run that made it
    facet_id uuid NOT NULL,
    article_id uuid,                    -- NULL: none
    seq bigint NOT NULL,                -- of the last change
    added_seq bigint NOT NULL,          -- of the first: the order in which records were made
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    added_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    type smallint NOT NULL,
    confidence smallint NOT NULL,       -- the facet's, here for records_article
    tlp smallint NOT NULL,              -- the facet's
    dated smallint NOT NULL,            -- dates the source gave first: 1 first seen, 2 last seen, 3 both
    ioc_value_normalized text COLLATE "C" NOT NULL, -- the key
    value text COLLATE "C",             -- NULL when equal to the key
    ports text,                         -- comma-separated, NULL when none
    context text,                       -- NULL when none
    PRIMARY KEY (indicator_id, id)
);
