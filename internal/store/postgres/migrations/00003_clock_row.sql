-- +goose NO TRANSACTION
-- +goose Up
INSERT INTO clock (id, seq, updated_at, records, articles, sightings, deletions, max_tlp, keys_made)
    VALUES (1, 0, 'epoch', 0, 0, 0, 0, 1, 0) ON CONFLICT (id) DO NOTHING;
