-- +goose NO TRANSACTION
-- +goose Up
-- New words wait in a list until it is this long (in kB), and then go to their
-- places sorted: an insert costs a third of what word by word does, and a
-- search, which reads the list, 2 ms at the most. The default of 4 MB costs it
-- hundreds while an import writes.
CREATE INDEX IF NOT EXISTS records_trigram ON records USING gin (ioc_value_normalized gin_trgm_ops) WITH (gin_pending_list_limit = 256);
