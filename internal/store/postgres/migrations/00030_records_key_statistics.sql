-- +goose NO TRANSACTION
-- +goose Up
-- From a larger sample of keys the planner tells a rare needle from a common
-- one, and so when to read the trigram index and when the newest records.
ALTER TABLE records ALTER COLUMN ioc_value_normalized SET STATISTICS 1000;
