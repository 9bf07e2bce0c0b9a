-- What each account moved in sessions that have ended. Stays when their history rows are dropped.
CREATE TABLE usage (
    user_id   TEXT    NOT NULL PRIMARY KEY,
    sessions  INTEGER NOT NULL,
    direct_rx INTEGER NOT NULL,
    direct_tx INTEGER NOT NULL,
    tor_rx    INTEGER NOT NULL,
    tor_tx    INTEGER NOT NULL
) STRICT;

INSERT INTO usage (user_id, sessions, direct_rx, direct_tx, tor_rx, tor_tx)
    SELECT user_id, COUNT(*), SUM(direct_rx), SUM(direct_tx), SUM(tor_rx), SUM(tor_tx)
    FROM history WHERE ended_at IS NOT NULL GROUP BY user_id;

-- What is old is found without looking at the rest.
CREATE INDEX history_by_end ON history (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX leases_remembered ON leases (released_at) WHERE released_at IS NOT NULL AND device_id IS NOT NULL;
