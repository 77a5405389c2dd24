-- What every domain shares: the journal of events, settings, and the answers of requests that may be repeated.

CREATE TABLE event (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    at      BIGINT NOT NULL,
    kind    TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    data    JSON TEXT NOT NULL
);
CREATE INDEX event_at ON event (at);

CREATE TABLE setting (
    key   TEXT NOT NULL PRIMARY KEY,
    value JSON TEXT NOT NULL
);

-- `status` and `response` are absent while the request is in progress.
CREATE TABLE idempotency (
    scope      TEXT   NOT NULL,
    key        TEXT   NOT NULL,
    body_hash  TEXT   NOT NULL,
    status     BIGINT,
    response   BLOB,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_created_at ON idempotency (created_at);
