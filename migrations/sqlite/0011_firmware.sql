-- Firmware: versions of product models, stations and what runs there, deployments and roll-outs.

-- A version is immutable: a removed one keeps its row (`removed_at`), so that its number never means other bytes.
CREATE TABLE firmware (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    product_model_id BIGINT  NOT NULL REFERENCES product_model (id),
    version          TEXT    NOT NULL,
    major            BIGINT  NOT NULL,
    minor            BIGINT  NOT NULL,
    patch            BIGINT  NOT NULL,
    filename         TEXT    NOT NULL,
    file_size        BIGINT  NOT NULL,
    md5              TEXT    NOT NULL,
    sha256           TEXT    NOT NULL,
    blob_key         TEXT    NOT NULL,
    notes            TEXT,
    uploaded_by      TEXT    NOT NULL,
    created_at       BIGINT  NOT NULL,
    removed_at       BIGINT
);
CREATE UNIQUE INDEX firmware_version ON firmware (product_model_id, version);
CREATE INDEX firmware_latest ON firmware (product_model_id, major, minor, patch) WHERE removed_at IS NULL;
CREATE INDEX firmware_by_version ON firmware (version);

-- `heartbeat` is what the station's agent said last.
CREATE TABLE station (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    station_id      TEXT    NOT NULL UNIQUE,
    heartbeat       JSON TEXT NOT NULL,
    running_version TEXT,
    clock_ahead_ms  BIGINT  NOT NULL,
    created_at      BIGINT  NOT NULL,
    seen_at         BIGINT  NOT NULL
);

-- `stations` is the list of ids in their order; `state` is running, stopped, completed or cancelled.
CREATE TABLE firmware_rollout (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    firmware_id  BIGINT  NOT NULL REFERENCES firmware (id),
    stations     JSON TEXT NOT NULL,
    stage_size   BIGINT  NOT NULL,
    failures_max BIGINT  NOT NULL,
    requested_by TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    reason       TEXT,
    created_at   BIGINT  NOT NULL,
    moved_at     BIGINT  NOT NULL
);
CREATE INDEX firmware_rollout_state ON firmware_rollout (state, id);

-- `state` is waiting, offered, ready, uploading, succeeded, failed or cancelled; `moved_at` when it came to that.
CREATE TABLE firmware_deployment (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    firmware_id   BIGINT  NOT NULL REFERENCES firmware (id),
    station_id    TEXT    NOT NULL,
    serial_number TEXT,
    rollout_id    BIGINT  REFERENCES firmware_rollout (id),
    requested_by  TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    reason        TEXT,
    created_at    BIGINT  NOT NULL,
    moved_at      BIGINT  NOT NULL
);
CREATE INDEX firmware_deployment_open ON firmware_deployment (station_id, id)
    WHERE state IN ('waiting', 'offered', 'ready', 'uploading');
CREATE INDEX firmware_deployment_station ON firmware_deployment (station_id, id);
CREATE INDEX firmware_deployment_firmware ON firmware_deployment (firmware_id, state);
CREATE INDEX firmware_deployment_rollout ON firmware_deployment (rollout_id, id) WHERE rollout_id IS NOT NULL;
