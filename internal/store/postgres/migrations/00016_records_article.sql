-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX IF NOT EXISTS records_article ON records (article_id, confidence DESC, last_seen DESC, id) WHERE article_id IS NOT NULL;
