-- Sessions on PostgreSQL: the same tables as on SQLite after its migration of the same number, whose files say what
-- each table is for. Both engines count on from here.

CREATE TABLE leases (
    node_id     TEXT   NOT NULL,
    slot        BIGINT NOT NULL CHECK (slot >= 2),
    device_id   TEXT   UNIQUE,
    session_id  TEXT   UNIQUE,
    user_id     TEXT,
    released_at BIGINT,
    PRIMARY KEY (node_id, slot),
    CHECK ((session_id IS NULL) = (released_at IS NOT NULL)),
    CHECK (session_id IS NULL OR device_id IS NOT NULL)
);

CREATE INDEX leases_resting ON leases (node_id, released_at) WHERE released_at IS NOT NULL;

CREATE TABLE sessions (
    session_id           TEXT   PRIMARY KEY,
    device_id            TEXT   NOT NULL UNIQUE,
    user_id              TEXT   NOT NULL,
    family_id            TEXT   NOT NULL,
    username             TEXT   NOT NULL,
    node_id              TEXT   NOT NULL,
    slot                 BIGINT NOT NULL,
    public_key           TEXT   NOT NULL UNIQUE,
    direct_preshared_key TEXT,
    tor_preshared_key    TEXT,
    state                TEXT   NOT NULL CHECK (state IN ('connecting', 'online', 'offline')),
    started_at           BIGINT NOT NULL,
    last_heartbeat       BIGINT NOT NULL,
    latest_handshake     BIGINT,
    offline_since        BIGINT,
    direct_rx            BIGINT NOT NULL DEFAULT 0,
    direct_tx            BIGINT NOT NULL DEFAULT 0,
    direct_base_rx       BIGINT NOT NULL DEFAULT 0,
    direct_base_tx       BIGINT NOT NULL DEFAULT 0,
    tor_rx               BIGINT NOT NULL DEFAULT 0,
    tor_tx               BIGINT NOT NULL DEFAULT 0,
    tor_base_rx          BIGINT NOT NULL DEFAULT 0,
    tor_base_tx          BIGINT NOT NULL DEFAULT 0,
    isolation            BIGINT NOT NULL DEFAULT 0,
    UNIQUE (node_id, slot),
    FOREIGN KEY (node_id, slot) REFERENCES leases (node_id, slot),
    CHECK ((direct_preshared_key IS NULL) = (tor_preshared_key IS NULL)),
    CHECK ((state = 'offline') = (offline_since IS NOT NULL))
);

CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE history (
    session_id TEXT   PRIMARY KEY,
    user_id    TEXT   NOT NULL,
    username   TEXT   NOT NULL,
    device_id  TEXT   NOT NULL,
    public_key TEXT   NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT,
    reason     TEXT,
    direct_rx  BIGINT NOT NULL DEFAULT 0,
    direct_tx  BIGINT NOT NULL DEFAULT 0,
    tor_rx     BIGINT NOT NULL DEFAULT 0,
    tor_tx     BIGINT NOT NULL DEFAULT 0,
    CHECK ((ended_at IS NULL) = (reason IS NULL)),
    CHECK (ended_at IS NULL OR ended_at >= started_at)
);

CREATE INDEX history_by_time ON history (started_at);
CREATE INDEX history_by_user ON history (user_id, started_at);

CREATE TABLE isolation (
    node_id TEXT   PRIMARY KEY,
    latest  BIGINT NOT NULL CHECK (latest >= 1)
);
