-- +goose NO TRANSACTION
-- +goose Up
-- Until now every open run counted as one.
INSERT INTO writers (id, since) SELECT id, started_at FROM runs WHERE finished_at IS NULL ON CONFLICT (id) DO NOTHING;
