-- The audit: rows are added and never changed, each chained to the one before by a keyed hash.

-- The values are text and not JSON: their hash is that of the very bytes that were written.
CREATE TABLE audit_log (
    seq         BIGINT NOT NULL PRIMARY KEY,
    at          BIGINT NOT NULL,
    actor_kind  TEXT   NOT NULL,
    actor_id    BIGINT,
    actor_name  TEXT,
    action      TEXT   NOT NULL,
    entity_type TEXT   NOT NULL,
    entity_id   TEXT,
    old_values  TEXT,
    new_values  TEXT,
    ip_address  TEXT,
    user_agent  TEXT,
    request_id  TEXT,
    event_seq   BIGINT,
    link        BYTEA  NOT NULL
);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_actor ON audit_log (actor_kind, actor_id, seq);
CREATE INDEX audit_log_entity ON audit_log (entity_type, entity_id, seq);
CREATE INDEX audit_log_action ON audit_log (action, seq);

-- One row at most: the end of the chain, under its own keyed hash.
CREATE TABLE audit_head (
    id     BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq    BIGINT NOT NULL,
    link   BYTEA  NOT NULL,
    seal   BYTEA  NOT NULL,
    key_id TEXT   NOT NULL
);

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit cannot be changed';
END;
$$;

CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_head_no_removal BEFORE DELETE OR TRUNCATE ON audit_head
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_head_only_grows BEFORE UPDATE ON audit_head
FOR EACH ROW WHEN (NEW.seq <= OLD.seq OR NEW.id <> OLD.id) EXECUTE FUNCTION audit_refuse();
