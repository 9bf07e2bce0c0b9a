-- One row for each connection. Bytes are written when it ends; until then the live row has them.
CREATE TABLE history (
    session_id TEXT    NOT NULL PRIMARY KEY,
    user_id    TEXT    NOT NULL,
    username   TEXT    NOT NULL,
    device_id  TEXT    NOT NULL,
    public_key TEXT    NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    reason     TEXT,
    direct_rx  INTEGER NOT NULL DEFAULT 0,
    direct_tx  INTEGER NOT NULL DEFAULT 0,
    tor_rx     INTEGER NOT NULL DEFAULT 0,
    tor_tx     INTEGER NOT NULL DEFAULT 0,
    CHECK ((ended_at IS NULL) = (reason IS NULL)),
    CHECK (ended_at IS NULL OR ended_at >= started_at)
) STRICT;

CREATE INDEX history_by_time ON history (started_at);
CREATE INDEX history_by_user ON history (user_id, started_at);
