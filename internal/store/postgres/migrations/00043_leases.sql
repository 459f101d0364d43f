-- +goose NO TRANSACTION
-- +goose Up
-- Who does which scheduled work, and until when.
CREATE TABLE IF NOT EXISTS leases (
    name text COLLATE "C" PRIMARY KEY,
    holder text COLLATE "C" NOT NULL,
    until bigint                        -- Unix nanoseconds; NULL when nobody has it
);
