-- Accounts with a quota: what they had moved in all when the month began, and how much they may move in it.
CREATE TABLE allowances (
    user_id TEXT    NOT NULL PRIMARY KEY,
    month   INTEGER NOT NULL,
    base    INTEGER NOT NULL CHECK (base >= 0),
    quota   INTEGER NOT NULL CHECK (quota > 0)
) STRICT;
