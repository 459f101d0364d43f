-- +goose NO TRANSACTION
-- +goose Up
INSERT INTO clock VALUES (1, 0, 'epoch', 0, 0, 0, 0, 1, 0, 0) ON CONFLICT (id) DO NOTHING;
