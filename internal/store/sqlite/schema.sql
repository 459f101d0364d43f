-- What the migrations make. Written by go test ./internal/store/sqlite -run SchemaDump -update.

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
);

CREATE TABLE allowed (
    value TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    added_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY,
    uuid BLOB NOT NULL UNIQUE,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    tier TEXT NOT NULL,
    scopes TEXT NOT NULL,          -- JSON array
    allowed_ips TEXT NOT NULL,     -- JSON array of CIDR
    max_tlp INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
);

CREATE TABLE articles (
    id INTEGER PRIMARY KEY,
    uuid BLOB NOT NULL UNIQUE,
    feed_id INTEGER NOT NULL REFERENCES feeds (id),
    title TEXT NOT NULL,
    url TEXT NOT NULL,
    details TEXT NOT NULL          -- JSON of what records do not show
);

CREATE TABLE clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,          -- last sequence number handed out
    updated_at INTEGER NOT NULL,   -- last record time handed out: never goes back
    last_rid INTEGER NOT NULL,     -- last row id handed out: never again, even after a delete
    indexed_rid INTEGER NOT NULL,  -- the trigram index covers 1..indexed_rid
    index_version INTEGER NOT NULL,-- counts changes of trigram_segments
    records INTEGER NOT NULL,      -- how many records there are
    deletions INTEGER NOT NULL,    -- counts deleted records
    max_tlp INTEGER NOT NULL,      -- strictest marking ever stored
    keys_made INTEGER NOT NULL     -- counts keys ever made
);

CREATE TABLE facet_labels (
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    facet_id INTEGER NOT NULL REFERENCES facets (id),
    PRIMARY KEY (kind, name, facet_id)
) WITHOUT ROWID;

CREATE TABLE facets (
    id INTEGER PRIMARY KEY,
    feed_id INTEGER NOT NULL REFERENCES feeds (id),
    type INTEGER NOT NULL,
    confidence INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    tlp INTEGER NOT NULL,
    labels TEXT NOT NULL,          -- JSON: tags, families, techniques, industries, warnings
    warned INTEGER NOT NULL,       -- 1 when there is a warning
    records INTEGER NOT NULL,      -- how many records have it now
    last_seq INTEGER NOT NULL,     -- no record that has it was changed later
    UNIQUE (feed_id, type, confidence, origin, tlp, labels)
);

CREATE TABLE feed_states (
    feed TEXT PRIMARY KEY,
    state TEXT NOT NULL            -- JSON
) WITHOUT ROWID;

CREATE TABLE feeds (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    category TEXT NOT NULL
);

CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until INTEGER                  -- Unix nanoseconds; NULL when nobody has it
) WITHOUT ROWID;

CREATE TABLE records (
    rid INTEGER PRIMARY KEY,       -- order in which records were first made
    -- The name-based id, unique by feed, article, type and value, as two
    -- numbers in the order of its bytes: an index on numbers costs a bulk load
    -- half of what one on blobs does.
    id_hi INTEGER NOT NULL,
    id_lo INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT,                    -- NULL when equal to key
    facet_id INTEGER NOT NULL REFERENCES facets (id),
    article_id INTEGER NOT NULL,   -- 0: none
    confidence INTEGER NOT NULL,   -- the facet's, here for records_article
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    added_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    ports TEXT,                    -- comma-separated, NULL when none
    context TEXT,                  -- NULL when none
    run_id INTEGER NOT NULL,       -- the run that made it
    dated INTEGER NOT NULL         -- dates the source gave then: 1 first seen, 2 last seen, 3 both
, valid_until INTEGER, valid_said INTEGER);

CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    uuid BLOB NOT NULL UNIQUE,
    feed_id INTEGER NOT NULL REFERENCES feeds (id),
    source TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    stats TEXT                     -- JSON counts, once finished
, sightings INTEGER);

CREATE TABLE sightings (
    rid INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    run_id INTEGER NOT NULL REFERENCES runs (id),
    seen_at INTEGER NOT NULL,
    facet_id INTEGER NOT NULL REFERENCES facets (id),
    first_seen INTEGER NOT NULL,   -- 0: undated
    last_seen INTEGER NOT NULL,
    ports TEXT,
    context TEXT, valid_until INTEGER, assumed INTEGER,
    PRIMARY KEY (rid, seq)
) WITHOUT ROWID;

CREATE TABLE trigram_keys (
    block INTEGER PRIMARY KEY,     -- rid >> 7
    keys BLOB NOT NULL             -- type and key of each rid of the block
);

CREATE TABLE trigram_postings (
    id INTEGER PRIMARY KEY,        -- segment << 26 | gram
    rids BLOB NOT NULL             -- roaring bitmap of rid - first_rid
);

CREATE TABLE trigram_segments (
    id INTEGER PRIMARY KEY,
    first_rid INTEGER NOT NULL,
    last_rid INTEGER NOT NULL,
    directory BLOB NOT NULL        -- each gram with the number of its documents
);

CREATE TABLE usage (
    key_id BLOB NOT NULL,          -- the key's uuid
    span INTEGER NOT NULL,         -- the window's length in seconds
    start INTEGER NOT NULL,        -- Unix seconds
    last_at INTEGER NOT NULL,      -- Unix nanoseconds of the last spending in it
    amount INTEGER NOT NULL,
    PRIMARY KEY (key_id, span, start)
) WITHOUT ROWID;

CREATE TABLE usage_keys (
    key_id BLOB PRIMARY KEY,
    holders TEXT NOT NULL          -- JSON array
) WITHOUT ROWID;

CREATE TABLE writers (
    id BLOB PRIMARY KEY,           -- the run's, or one of its own
    since INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX facets_tlp ON facets (tlp);

CREATE INDEX facets_type ON facets (type);

CREATE INDEX records_article ON records (article_id, confidence DESC, last_seen DESC, id_hi) WHERE article_id <> 0;

CREATE INDEX records_facet ON records (facet_id, updated_at, seq);

CREATE UNIQUE INDEX records_id ON records (id_hi, id_lo);

CREATE INDEX records_key ON records (key);

CREATE INDEX records_updated ON records (updated_at, seq, facet_id);

CREATE INDEX runs_feed ON runs (feed_id, started_at, uuid);

CREATE INDEX runs_started ON runs (started_at, uuid);

CREATE INDEX usage_start ON usage (span, start);
