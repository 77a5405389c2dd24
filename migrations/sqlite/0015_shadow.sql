-- Models beside each other: which one was put in the place of the configured one, and what a shadow says of the same windows.

-- The newest one that was not taken back stands.
CREATE TABLE model_promotion (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id     TEXT   NOT NULL,
    model_digest TEXT   NOT NULL,
    replaced_id  TEXT   NOT NULL,
    promoted_at  BIGINT NOT NULL,
    promoted_by  TEXT   NOT NULL,
    undone_at    BIGINT,
    undone_by    TEXT
);

-- What a model that has no say thinks of a window that another one judged.
CREATE TABLE shadow_result (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    result_id    BIGINT NOT NULL REFERENCES result (id),
    model_id     TEXT   NOT NULL,
    model_digest TEXT   NOT NULL,
    verdict      TEXT   NOT NULL,
    score        DOUBLE PRECISION NOT NULL,
    threshold    DOUBLE PRECISION,
    mode         TEXT   NOT NULL,
    calibrated   BOOLEAN NOT NULL,
    decided_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX shadow_result_once ON shadow_result (result_id, model_digest);
CREATE INDEX shadow_result_by_model ON shadow_result (model_id, decided_at, id);
CREATE INDEX shadow_result_by_age ON shadow_result (decided_at, id);

-- A sensor has a calibration under each model that may judge it: a model that is promoted must not begin without one.
CREATE TABLE sensor_calibration_by_model (
    sensor_key   BIGINT NOT NULL REFERENCES sensor (key),
    model_digest TEXT   NOT NULL,
    made_at      BIGINT NOT NULL,
    scores       JSON TEXT NOT NULL,
    mode         TEXT   NOT NULL DEFAULT 'window',
    provisional  BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (sensor_key, model_digest)
);
INSERT INTO sensor_calibration_by_model (sensor_key, model_digest, made_at, scores, mode, provisional)
    SELECT sensor_key, model_digest, made_at, scores, mode, provisional FROM sensor_calibration;
DROP TABLE sensor_calibration;
ALTER TABLE sensor_calibration_by_model RENAME TO sensor_calibration;
