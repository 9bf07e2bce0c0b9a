-- Transfer of accounts on past days (UTC), numbered since 1970. A row is written when the mark of the next day is set.
CREATE TABLE usage_days (
    user_id   TEXT    NOT NULL,
    day       INTEGER NOT NULL,
    direct_rx INTEGER NOT NULL CHECK (direct_rx >= 0),
    direct_tx INTEGER NOT NULL CHECK (direct_tx >= 0),
    tor_rx    INTEGER NOT NULL CHECK (tor_rx >= 0),
    tor_tx    INTEGER NOT NULL CHECK (tor_tx >= 0),
    PRIMARY KEY (user_id, day)
) STRICT;

CREATE INDEX usage_days_by_day ON usage_days (day);
