-- People, their sessions, machines' tokens, and what is counted of failed sign-ins.

-- A removed user stays: what he did refers to him. His names are free again.
CREATE TABLE app_user (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    username            TEXT    NOT NULL,
    username_key        TEXT    NOT NULL,
    email               TEXT,
    email_key           TEXT,
    full_name           TEXT    NOT NULL,
    role                TEXT    NOT NULL,
    department          TEXT,
    is_active           BOOLEAN NOT NULL,
    password_hash       TEXT    NOT NULL,
    password_changed_at BIGINT  NOT NULL,
    last_login_at       BIGINT,
    created_at          BIGINT  NOT NULL,
    updated_at          BIGINT  NOT NULL,
    removed_at          BIGINT
);
CREATE UNIQUE INDEX app_user_username ON app_user (username_key) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX app_user_email ON app_user (email_key) WHERE removed_at IS NULL;
CREATE INDEX app_user_role ON app_user (role, id) WHERE removed_at IS NULL;

CREATE TABLE session (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id        BIGINT NOT NULL REFERENCES app_user (id),
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    last_seen_at   BIGINT NOT NULL,
    generation     BIGINT NOT NULL,
    ip_address     TEXT,
    user_agent     TEXT,
    revoked_at     BIGINT,
    revoked_reason TEXT
);
CREATE INDEX session_by_user ON session (user_id, id);
CREATE INDEX session_expires_at ON session (expires_at);

-- All tokens of a session are one family. Those that were used stay as long as the session: a second use must be known.
CREATE TABLE refresh_token (
    hash       BLOB   NOT NULL PRIMARY KEY,
    session_id BIGINT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT,
    used_by    TEXT
);
CREATE INDEX refresh_token_session ON refresh_token (session_id);

CREATE TABLE machine_token (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT   NOT NULL,
    hash         BLOB   NOT NULL,
    scopes       JSON TEXT NOT NULL,
    created_by   BIGINT REFERENCES app_user (id),
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    last_used_at BIGINT,
    revoked_at   BIGINT
);
CREATE UNIQUE INDEX machine_token_name ON machine_token (name) WHERE revoked_at IS NULL;

-- By name and not by user: names that nobody has are counted like the others. `place` is a known network, or empty.
CREATE TABLE signin_failure (
    account         TEXT   NOT NULL,
    place           TEXT   NOT NULL,
    failures        BIGINT NOT NULL,
    last_failure_at BIGINT NOT NULL,
    locked_until    BIGINT,
    PRIMARY KEY (account, place)
);
CREATE INDEX signin_failure_last ON signin_failure (last_failure_at);

CREATE TABLE known_address (
    account         TEXT   NOT NULL,
    network         TEXT   NOT NULL,
    last_success_at BIGINT NOT NULL,
    PRIMARY KEY (account, network)
);
CREATE INDEX known_address_last ON known_address (last_success_at);
