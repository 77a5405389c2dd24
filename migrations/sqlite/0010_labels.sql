-- Printers, and what is printed: a job is a row before a byte is sent, and what became of it stays.

CREATE TABLE printer (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    printer_id TEXT    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    host       TEXT    NOT NULL,
    port       BIGINT  NOT NULL,
    enabled    BOOLEAN NOT NULL,
    created_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL
);

-- `state` is pending, printing, printed, failed or unknown; `moved_at` when it came to that. `zpl` is what is sent, laid out
-- when the job was asked for. `printer_id` names no row: a job waits for a printer that is still to be registered.
CREATE TABLE label_job (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    printer_id     TEXT    NOT NULL,
    label_type     TEXT    NOT NULL,
    number         TEXT    NOT NULL,
    copies         BIGINT  NOT NULL,
    data           JSON TEXT NOT NULL,
    zpl            TEXT    NOT NULL,
    may_wait       BOOLEAN NOT NULL,
    automatic      BOOLEAN NOT NULL,
    reprint_of     BIGINT  REFERENCES label_job (id),
    reprint_reason TEXT,
    reprint_worker TEXT,
    requested_by   TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    reason         TEXT,
    created_at     BIGINT  NOT NULL,
    moved_at       BIGINT  NOT NULL
);
-- What a printer has to do is looked for each time it is free.
CREATE INDEX label_job_open ON label_job (printer_id, id) WHERE state = 'pending' OR state = 'printing';
CREATE INDEX label_job_state ON label_job (state, id);
CREATE INDEX label_job_printer ON label_job (printer_id, id);
CREATE INDEX label_job_number ON label_job (number, id);
CREATE INDEX label_job_reprint ON label_job (reprint_of) WHERE reprint_of IS NOT NULL;
