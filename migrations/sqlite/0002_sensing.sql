-- Sensors, their readings, the checkpoints of their windows, verdicts, and the schedule that asks for them.

-- One row per registration. A removed one stays: its results refer to it, its counts belong to the plant's account.
CREATE TABLE sensor (
    key            INTEGER PRIMARY KEY AUTOINCREMENT,
    sensor_id      TEXT    NOT NULL,
    spec           JSON TEXT NOT NULL,
    interval_s     BIGINT  NOT NULL,
    retention_days BIGINT  NOT NULL,
    source         TEXT    NOT NULL,
    enabled        BOOLEAN NOT NULL,
    created_at     BIGINT  NOT NULL,
    updated_at     BIGINT  NOT NULL,
    removed_at     BIGINT,
    offered        BIGINT  NOT NULL DEFAULT 0,
    stored         BIGINT  NOT NULL DEFAULT 0,
    duplicate      BIGINT  NOT NULL DEFAULT 0,
    late           BIGINT  NOT NULL DEFAULT 0,
    rejected       BIGINT  NOT NULL DEFAULT 0,
    expired_count  BIGINT  NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX sensor_live_id ON sensor (sensor_id) WHERE removed_at IS NULL;
CREATE INDEX sensor_removed ON sensor (key) WHERE removed_at IS NOT NULL;

-- No foreign key: the statement that counts a batch has found its sensor already, once instead of once per reading.
CREATE TABLE reading (
    sensor_key BIGINT           NOT NULL,
    at         BIGINT           NOT NULL,
    value      DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (sensor_key, at)
) WITHOUT ROWID;

CREATE TABLE sensor_window (
    sensor_key BIGINT NOT NULL PRIMARY KEY REFERENCES sensor (key),
    stored     BIGINT NOT NULL,
    data       BLOB   NOT NULL
);

-- What is usual for a sensor: scores of its own past windows under the model of that digest.
CREATE TABLE sensor_calibration (
    sensor_key   BIGINT NOT NULL PRIMARY KEY REFERENCES sensor (key),
    model_digest TEXT   NOT NULL,
    made_at      BIGINT NOT NULL,
    scores       JSON TEXT NOT NULL
);

CREATE TABLE result (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    sensor_key     BIGINT  NOT NULL REFERENCES sensor (key),
    sensor_id      TEXT    NOT NULL,
    verdict        TEXT    NOT NULL,
    as_of          BIGINT  NOT NULL,
    inference_time BIGINT  NOT NULL,
    run_at         BIGINT,
    score          DOUBLE PRECISION,
    threshold      DOUBLE PRECISION,
    basis          JSON TEXT,
    device         TEXT,
    window_start   BIGINT,
    window_end     BIGINT,
    window_count   BIGINT,
    window_gaps    BIGINT,
    reason         TEXT
);
CREATE UNIQUE INDEX result_run ON result (sensor_key, run_at) WHERE run_at IS NOT NULL;
CREATE INDEX result_latest ON result (sensor_key, as_of, id);
CREATE INDEX result_by_sensor ON result (sensor_id, inference_time, id);
CREATE INDEX result_by_time ON result (inference_time, id);
CREATE INDEX result_unscored ON result (id) WHERE verdict = 'unscored';

-- One row at most. `done_at` is the due instant of the last run that was done.
CREATE TABLE schedule (
    id             BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    reference_time BIGINT NOT NULL,
    period_s       BIGINT NOT NULL,
    sensor_ids     JSON TEXT NOT NULL,
    updated_at     BIGINT NOT NULL,
    done_at        BIGINT
);
