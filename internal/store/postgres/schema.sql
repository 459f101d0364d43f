-- What the migrations make. Written by go test ./internal/store/postgres -run SchemaDump -update.

CREATE EXTENSION pg_trgm;

CREATE TABLE accounts (
    id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    created_at timestamp with time zone NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE allowed (
    value text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    added_at timestamp with time zone NOT NULL,
    PRIMARY KEY (value)
);

CREATE TABLE api_keys (
    hash bytea NOT NULL,
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    made bigint NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    tier text NOT NULL,
    scopes text NOT NULL,
    allowed_ips text NOT NULL,
    max_tlp smallint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    PRIMARY KEY (hash),
    FOREIGN KEY (account_id) REFERENCES accounts(id)
);
CREATE INDEX api_keys_id ON api_keys USING btree (id);

CREATE TABLE articles (
    id uuid NOT NULL,
    feed_id uuid NOT NULL,
    title text NOT NULL,
    url text NOT NULL,
    details text NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (feed_id) REFERENCES feeds(id)
);

CREATE TABLE clock (
    id smallint NOT NULL,
    seq bigint NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    records bigint NOT NULL,
    articles bigint NOT NULL,
    sightings bigint NOT NULL,
    deletions bigint NOT NULL,
    max_tlp smallint NOT NULL,
    keys_made bigint NOT NULL,
    keys_changed bigint NOT NULL DEFAULT 0,
    store_id uuid NOT NULL DEFAULT gen_random_uuid(),
    PRIMARY KEY (id),
    CHECK ((id = 1))
);

CREATE TABLE facet_labels (
    kind smallint NOT NULL,
    label_id uuid NOT NULL,
    facet_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, label_id, facet_id),
    FOREIGN KEY (facet_id) REFERENCES facets(id)
);

CREATE TABLE facets (
    id uuid NOT NULL,
    feed_id uuid NOT NULL,
    type smallint NOT NULL,
    confidence smallint NOT NULL,
    origin smallint NOT NULL,
    tlp smallint NOT NULL,
    labels text NOT NULL,
    warned boolean NOT NULL,
    records bigint NOT NULL,
    last_seq bigint NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY (feed_id) REFERENCES feeds(id)
);
CREATE INDEX facets_feed ON facets USING btree (feed_id);
CREATE INDEX facets_type ON facets USING btree (type);

CREATE TABLE feed_states (
    feed text COLLATE "C" NOT NULL,
    state text NOT NULL,
    PRIMARY KEY (feed)
);

CREATE TABLE feeds (
    id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    category text COLLATE "C" NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE leases (
    name text COLLATE "C" NOT NULL,
    holder text COLLATE "C" NOT NULL,
    until bigint,
    PRIMARY KEY (name)
);

CREATE TABLE moves (
    id smallint NOT NULL,
    source text NOT NULL,
    runs bigint NOT NULL,
    articles bigint NOT NULL,
    records bigint NOT NULL,
    moved bigint NOT NULL,
    begun_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    PRIMARY KEY (id),
    CHECK ((id = 1))
);

CREATE TABLE records (
    indicator_id uuid NOT NULL,
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    facet_id uuid NOT NULL,
    article_id uuid,
    seq bigint NOT NULL,
    added_seq bigint NOT NULL,
    first_seen timestamp with time zone NOT NULL,
    last_seen timestamp with time zone NOT NULL,
    added_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    type smallint NOT NULL,
    confidence smallint NOT NULL,
    tlp smallint NOT NULL,
    dated smallint NOT NULL,
    ioc_value_normalized text COLLATE "C" NOT NULL,
    value text COLLATE "C",
    ports text,
    context text,
    valid_until timestamp with time zone,
    valid_said timestamp with time zone,
    PRIMARY KEY (indicator_id, id)
);
CREATE INDEX records_added ON records USING btree (added_seq);
CREATE INDEX records_article ON records USING btree (article_id, confidence DESC, last_seen DESC, id) WHERE (article_id IS NOT NULL);
CREATE INDEX records_facet ON records USING btree (facet_id, updated_at, seq);
CREATE INDEX records_id ON records USING btree (id);
CREATE INDEX records_key ON records USING btree (ioc_value_normalized);
CREATE INDEX records_trigram ON records USING gin (ioc_value_normalized gin_trgm_ops) WITH (gin_pending_list_limit='1024');
CREATE INDEX records_updated ON records USING btree (updated_at, seq, facet_id);

CREATE TABLE runs (
    id uuid NOT NULL,
    feed_id uuid NOT NULL,
    source text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    stats text,
    batches bigint NOT NULL,
    sightings bigint,
    PRIMARY KEY (id),
    FOREIGN KEY (feed_id) REFERENCES feeds(id)
);
CREATE INDEX runs_feed ON runs USING btree (feed_id, started_at, id);
CREATE INDEX runs_started ON runs USING btree (started_at, id);

CREATE TABLE sightings (
    indicator_id uuid NOT NULL,
    record_id uuid NOT NULL,
    seq bigint NOT NULL,
    run_id uuid NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    facet_id uuid NOT NULL,
    first_seen timestamp with time zone,
    last_seen timestamp with time zone,
    ports text,
    context text,
    valid_until timestamp with time zone,
    assumed timestamp with time zone,
    PRIMARY KEY (indicator_id, record_id, seq)
);

CREATE TABLE usage (
    key_id uuid NOT NULL,
    span integer NOT NULL,
    start bigint NOT NULL,
    last_at bigint NOT NULL,
    amount bigint NOT NULL,
    PRIMARY KEY (key_id, span, start)
);
CREATE INDEX usage_start ON usage USING btree (span, start);

CREATE TABLE usage_keys (
    key_id uuid NOT NULL,
    holders text NOT NULL,
    PRIMARY KEY (key_id)
);

CREATE TABLE writers (
    id uuid NOT NULL,
    since timestamp with time zone NOT NULL,
    PRIMARY KEY (id)
);
