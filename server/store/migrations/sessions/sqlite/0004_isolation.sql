-- Isolation numbers: Tor sees each session under an address made of one, and a number is given out again only after
-- all others were (22 bits), so no session ever meets circuits of another.
CREATE TABLE isolation (
    node_id TEXT    NOT NULL PRIMARY KEY,
    latest  INTEGER NOT NULL CHECK (latest >= 1)
) STRICT;

ALTER TABLE sessions ADD COLUMN isolation INTEGER NOT NULL DEFAULT 0;

-- Sessions from before: a slot is unique among those that live.
UPDATE sessions SET isolation = slot;
INSERT INTO isolation (node_id, latest) SELECT node_id, MAX(slot) FROM leases GROUP BY node_id;
