-- Vehicles, where they were, what happened in chases, and what forbids replays of their frames.

-- A removed vehicle stays: its events and positions refer to it. Its number and its names are free again.
CREATE TABLE vehicle (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    vehicle_id      BIGINT NOT NULL,
    registered_name TEXT   NOT NULL,
    car_name        TEXT   NOT NULL,
    kind            TEXT   NOT NULL,
    fuel            BIGINT,
    collision_count BIGINT,
    damage          TEXT,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    removed_at      BIGINT
);
CREATE UNIQUE INDEX vehicle_live_number ON vehicle (vehicle_id) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX vehicle_live_name ON vehicle (car_name) WHERE removed_at IS NULL;

-- By the vehicle's own number, and kept when it is removed: a recording of its registration must never be taken again.
CREATE TABLE vehicle_guard (
    vehicle_id BIGINT NOT NULL PRIMARY KEY,
    guard      JSON TEXT NOT NULL
);

-- No foreign key: a position is written only for a vehicle whose actor lives.
CREATE TABLE vehicle_position (
    car_id BIGINT           NOT NULL,
    at     BIGINT           NOT NULL,
    map_id BIGINT           NOT NULL,
    x      DOUBLE PRECISION NOT NULL,
    y      DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (car_id, at)
) WITHOUT ROWID;

CREATE TABLE vehicle_event (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    runner_id       BIGINT NOT NULL REFERENCES vehicle (id),
    catcher_id      BIGINT REFERENCES vehicle (id),
    status          TEXT   NOT NULL,
    at              BIGINT NOT NULL,
    acknowledged_at BIGINT,
    acknowledged_by BIGINT
);
CREATE INDEX vehicle_event_runner ON vehicle_event (runner_id, id);
CREATE INDEX vehicle_event_at ON vehicle_event (at, id);
