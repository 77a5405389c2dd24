-- Briefings: who asks, what runs, what was told, the plant's own of each day, and where it is brought.

-- `custom` is absent until its person has wished for something.
CREATE TABLE briefing_asker (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT   NOT NULL,
    name_key   TEXT   NOT NULL,
    custom     JSON TEXT,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX briefing_asker_name ON briefing_asker (name_key);

-- `covered_seq` is the last event that was told of, `told_at` when the last text was due, `carry` what goes on to the next.
CREATE TABLE briefing_request (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    asker_id    BIGINT NOT NULL REFERENCES briefing_asker (id),
    interval_s  BIGINT NOT NULL,
    started_at  BIGINT NOT NULL,
    ends_at     BIGINT NOT NULL,
    end_text    TEXT   NOT NULL,
    ended_at    BIGINT,
    end_reason  TEXT,
    covered_seq BIGINT NOT NULL,
    told_at     BIGINT,
    carry       JSON TEXT NOT NULL
);
-- One of each person runs.
CREATE UNIQUE INDEX briefing_request_running ON briefing_request (asker_id) WHERE ended_at IS NULL;
CREATE INDEX briefing_request_asker ON briefing_request (asker_id, id);
CREATE INDEX briefing_request_ended ON briefing_request (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE briefing_text (
    request_id BIGINT NOT NULL REFERENCES briefing_request (id) ON DELETE CASCADE,
    n          BIGINT NOT NULL,
    due_at     BIGINT NOT NULL,
    text       TEXT   NOT NULL,
    source     TEXT   NOT NULL,
    evidence   JSON TEXT NOT NULL,
    PRIMARY KEY (request_id, n)
);

CREATE TABLE briefing_daily (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    day         TEXT   NOT NULL,
    from_at     BIGINT NOT NULL,
    until_at    BIGINT NOT NULL,
    composed_at BIGINT NOT NULL,
    text_ko     TEXT   NOT NULL,
    text_en     TEXT   NOT NULL,
    calm        BOOLEAN NOT NULL,
    evidence    JSON TEXT NOT NULL,
    covered_seq BIGINT NOT NULL,
    carry       JSON TEXT NOT NULL
);
CREATE UNIQUE INDEX briefing_daily_day ON briefing_daily (day);

-- `state` is WAITING, DELIVERED or GIVEN_UP.
CREATE TABLE briefing_delivery (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    daily_id   BIGINT NOT NULL REFERENCES briefing_daily (id) ON DELETE CASCADE,
    channel    TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    tries      BIGINT NOT NULL,
    next_at    BIGINT,
    reason     TEXT,
    settled_at BIGINT
);
CREATE UNIQUE INDEX briefing_delivery_daily ON briefing_delivery (daily_id, channel);
CREATE INDEX briefing_delivery_due ON briefing_delivery (next_at) WHERE state = 'WAITING';

-- What a source saw at an instant is counted once, however often it is sent; `seq` is its event.
CREATE TABLE briefing_observation (
    source      TEXT   NOT NULL,
    observed_at BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    PRIMARY KEY (source, observed_at)
);
CREATE INDEX briefing_observation_at ON briefing_observation (observed_at);
