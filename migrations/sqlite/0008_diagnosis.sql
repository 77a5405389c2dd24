-- Patients, VR sessions with the states they went through, records of what was uploaded, and files that are to be removed.

-- A removed patient stays until it is erased: its records are still the doctor's.
CREATE TABLE patient (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    doctor_id  BIGINT NOT NULL REFERENCES app_user (id),
    code       TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    token_hash BLOB,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    removed_at BIGINT
);
CREATE UNIQUE INDEX patient_code ON patient (code);
CREATE INDEX patient_by_doctor ON patient (doctor_id, id);

-- Automatic codes that an erased patient had: a headset that still has one must not meet another patient.
CREATE TABLE patient_code_spent (
    code      TEXT   NOT NULL PRIMARY KEY,
    doctor_id BIGINT NOT NULL REFERENCES app_user (id)
);
CREATE INDEX patient_code_spent_doctor ON patient_code_spent (doctor_id);

CREATE TABLE diagnosis (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    doctor_id  BIGINT NOT NULL REFERENCES app_user (id),
    patient_id BIGINT NOT NULL REFERENCES patient (id),
    kind       TEXT   NOT NULL,
    level      BIGINT NOT NULL,
    code       TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    state_at   BIGINT NOT NULL,
    fail_cause TEXT,
    reason     TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
-- A doctor has one session under way.
CREATE UNIQUE INDEX diagnosis_active ON diagnosis (doctor_id) WHERE state IN ('READY', 'STARTED');
CREATE INDEX diagnosis_by_patient ON diagnosis (patient_id, id);
CREATE INDEX diagnosis_expires_at ON diagnosis (expires_at, id);

-- The states of a session, by their number in the journal.
CREATE TABLE diagnosis_state (
    seq          BIGINT NOT NULL PRIMARY KEY,
    diagnosis_id BIGINT NOT NULL REFERENCES diagnosis (id) ON DELETE CASCADE,
    state        TEXT   NOT NULL,
    at           BIGINT NOT NULL,
    reason       TEXT
);
CREATE INDEX diagnosis_state_session ON diagnosis_state (diagnosis_id, seq);

CREATE TABLE diagnosis_record (
    diagnosis_id     BIGINT NOT NULL PRIMARY KEY REFERENCES diagnosis (id) ON DELETE CASCADE,
    patient_id       BIGINT NOT NULL REFERENCES patient (id),
    kind             TEXT   NOT NULL,
    level            BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    filename         TEXT   NOT NULL,
    original_bytes   BIGINT NOT NULL,
    processed_bytes  BIGINT NOT NULL,
    processed_sha256 TEXT   NOT NULL,
    row_count        BIGINT NOT NULL,
    score            DOUBLE PRECISION NOT NULL,
    time_spent       DOUBLE PRECISION NOT NULL,
    fps              DOUBLE PRECISION NOT NULL,
    successes        BIGINT NOT NULL,
    fails            BIGINT NOT NULL
);
CREATE INDEX diagnosis_record_patient ON diagnosis_record (patient_id, created_at, diagnosis_id);

-- Files that belong to nothing any more: of erased patients, and of uploads whose record was not stored.
CREATE TABLE diagnosis_orphan (
    key    TEXT   NOT NULL PRIMARY KEY,
    due_at BIGINT NOT NULL
);
CREATE INDEX diagnosis_orphan_due_at ON diagnosis_orphan (due_at);
