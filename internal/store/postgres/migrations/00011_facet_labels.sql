-- +goose NO TRANSACTION
-- +goose Up
-- The labels of facets one by one. kind: 1 tag, 2 family, 3 technique, 4
-- industry. label_id is version 5 of the name, which may be longer than a
-- B-tree takes.
CREATE TABLE IF NOT EXISTS facet_labels (
    kind smallint NOT NULL,
    label_id uuid NOT NULL,
    facet_id uuid NOT NULL REFERENCES facets (id),
    name text COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, label_id, facet_id)
);
