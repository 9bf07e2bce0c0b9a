-- What each account moved in sessions that have ended. Stays when their history rows are dropped.
CREATE TABLE usage (
    user_id   TEXT   PRIMARY KEY,
    sessions  BIGINT NOT NULL,
    direct_rx BIGINT NOT NULL,
    direct_tx BIGINT NOT NULL,
    tor_rx    BIGINT NOT NULL,
    tor_tx    BIGINT NOT NULL
);

INSERT INTO usage (user_id, sessions, direct_rx, direct_tx, tor_rx, tor_tx)
    SELECT user_id, COUNT(*), CAST(SUM(direct_rx) AS BIGINT), CAST(SUM(direct_tx) AS BIGINT),
        CAST(SUM(tor_rx) AS BIGINT), CAST(SUM(tor_tx) AS BIGINT)
    FROM history WHERE ended_at IS NOT NULL GROUP BY user_id;

-- What is old is found without looking at the rest.
CREATE INDEX history_by_end ON history (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX leases_remembered ON leases (released_at) WHERE released_at IS NOT NULL AND device_id IS NOT NULL;
