-- A ledger in PostgreSQL: the tables of the SQLite file (see schema.py), and a view to look at.
CREATE TABLE replies (
    key TEXT COLLATE "C" PRIMARY KEY,
    run TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,   -- Unix seconds
    model TEXT NOT NULL,
    request BYTEA NOT NULL,         -- JSON, compressed
    reply BYTEA NOT NULL,
    body BYTEA,
    seal BYTEA
);
CREATE INDEX replies_by_run ON replies (run);
CREATE INDEX replies_by_model ON replies (model, at);
CREATE TABLE intents (
    id BIGINT PRIMARY KEY,
    key TEXT NOT NULL,
    run TEXT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    owner TEXT,
    worst DOUBLE PRECISION,         -- US dollars that the attempt can have cost at the most
    role TEXT,
    purpose TEXT,
    outcome TEXT,                   -- null while the request is in flight: a claim on its call
    attempts TEXT                   -- JSON of an attempt that brought nothing
);
CREATE UNIQUE INDEX claims ON intents (key) WHERE outcome IS NULL;
CREATE INDEX intents_by_run ON intents (run);
CREATE TABLE owners (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    pid BIGINT NOT NULL,
    at DOUBLE PRECISION NOT NULL    -- of its last sign of life, by its own clock
);
CREATE TABLE ledger_version (version INTEGER NOT NULL);
CREATE VIEW attempts_by_role AS
SELECT run, role, purpose,
       count(*) FILTER (WHERE outcome = 'done') AS replies,
       count(*) FILTER (WHERE outcome IS NULL) AS in_flight,
       count(*) FILTER (WHERE outcome NOT IN ('done')) AS without_reply,
       sum(worst) FILTER (WHERE outcome IS NULL OR outcome = 'interrupted') AS possibly_paid_usd
FROM intents GROUP BY run, role, purpose;
