-- One row for each slot that was ever given out; the pool bounds the table and rows are never deleted.
-- Taken: session_id set. Resting: released_at set; after the quarantine any device may have the slot,
-- before that only the device that had it.
CREATE TABLE leases (
    node_id     TEXT    NOT NULL,
    slot        INTEGER NOT NULL CHECK (slot >= 2),
    device_id   TEXT    UNIQUE,
    session_id  TEXT    UNIQUE,
    user_id     TEXT,
    released_at INTEGER,
    PRIMARY KEY (node_id, slot),
    CHECK ((session_id IS NULL) = (released_at IS NOT NULL)),
    CHECK (session_id IS NULL OR device_id IS NOT NULL)
) STRICT;

CREATE INDEX leases_resting ON leases (node_id, released_at) WHERE released_at IS NOT NULL;
