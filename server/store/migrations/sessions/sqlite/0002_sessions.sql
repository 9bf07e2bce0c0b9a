-- Live sessions only: a row is deleted when its session closes.
-- It holds the WireGuard key and both preshared keys, because a restart of the service must be able to
-- put every peer back without the device's help. The file is mode 0600 in a directory of mode 0700, and
-- `secure_delete` wipes deleted rows.
CREATE TABLE sessions (
    session_id           TEXT    NOT NULL PRIMARY KEY,
    device_id            TEXT    NOT NULL UNIQUE,
    user_id              TEXT    NOT NULL,
    family_id            TEXT    NOT NULL,
    username             TEXT    NOT NULL,
    node_id              TEXT    NOT NULL,
    slot                 INTEGER NOT NULL,
    public_key           TEXT    NOT NULL UNIQUE,
    direct_preshared_key TEXT,
    tor_preshared_key    TEXT,
    state                TEXT    NOT NULL CHECK (state IN ('connecting', 'online', 'offline')),
    started_at           INTEGER NOT NULL,
    last_heartbeat       INTEGER NOT NULL,
    latest_handshake     INTEGER,
    offline_since        INTEGER,
    direct_rx            INTEGER NOT NULL DEFAULT 0,
    direct_tx            INTEGER NOT NULL DEFAULT 0,
    direct_base_rx       INTEGER NOT NULL DEFAULT 0,
    direct_base_tx       INTEGER NOT NULL DEFAULT 0,
    tor_rx               INTEGER NOT NULL DEFAULT 0,
    tor_tx               INTEGER NOT NULL DEFAULT 0,
    tor_base_rx          INTEGER NOT NULL DEFAULT 0,
    tor_base_tx          INTEGER NOT NULL DEFAULT 0,
    UNIQUE (node_id, slot),
    FOREIGN KEY (node_id, slot) REFERENCES leases (node_id, slot),
    CHECK ((direct_preshared_key IS NULL) = (tor_preshared_key IS NULL)),
    CHECK ((state = 'offline') = (offline_since IS NOT NULL))
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id);
