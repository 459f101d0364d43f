-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS api_keys (
    hash bytea PRIMARY KEY,             -- SHA-256 of the key
    id uuid NOT NULL,
    account_id uuid NOT NULL REFERENCES accounts (id),
    made bigint NOT NULL,               -- the order in which keys were made
    name text NOT NULL,
    prefix text NOT NULL,
    tier text NOT NULL,
    scopes text NOT NULL,               -- JSON array
    allowed_ips text NOT NULL,          -- JSON array of CIDR
    max_tlp smallint NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
