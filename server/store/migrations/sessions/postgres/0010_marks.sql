-- What accounts had moved in all when a day or a month (UTC) began; the difference to now is what they moved in it.
CREATE TABLE marks (
    user_id   TEXT   NOT NULL,
    span      TEXT   NOT NULL CHECK (span IN ('day', 'month')),
    number    BIGINT NOT NULL,
    direct_rx BIGINT NOT NULL CHECK (direct_rx >= 0),
    direct_tx BIGINT NOT NULL CHECK (direct_tx >= 0),
    tor_rx    BIGINT NOT NULL CHECK (tor_rx >= 0),
    tor_tx    BIGINT NOT NULL CHECK (tor_tx >= 0),
    PRIMARY KEY (user_id, span)
);
