-- Alerts: one open row per matter; repeats count up in it.

CREATE TABLE alert (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_type   TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    repeats      TEXT   NOT NULL,
    severity     TEXT   NOT NULL,
    title        TEXT   NOT NULL,
    message      TEXT   NOT NULL,
    lot_id       BIGINT,
    serial_id    BIGINT,
    process_id   BIGINT,
    equipment_id BIGINT,
    event_id     TEXT,
    status       TEXT   NOT NULL,
    read_at      BIGINT,
    read_by      BIGINT,
    archived_at  BIGINT,
    archived_by  BIGINT,
    times        BIGINT NOT NULL,
    first_at     BIGINT NOT NULL,
    last_at      BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX alert_open ON alert (alert_type, subject) WHERE status <> 'ARCHIVED';
CREATE INDEX alert_subject ON alert (alert_type, subject, id);
CREATE INDEX alert_status ON alert (status, last_at, id);
CREATE INDEX alert_severity ON alert (severity, last_at, id);
CREATE INDEX alert_last ON alert (last_at, id);
CREATE INDEX alert_event ON alert (event_id) WHERE event_id IS NOT NULL;
