-- +goose NO TRANSACTION
-- +goose Up
DROP INDEX IF EXISTS runs_open;
