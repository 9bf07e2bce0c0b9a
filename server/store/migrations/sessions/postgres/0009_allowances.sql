-- Accounts with a quota: what they had moved in all when the month began, and how much they may move in it.
CREATE TABLE allowances (
    user_id TEXT   PRIMARY KEY,
    month   BIGINT NOT NULL,
    base    BIGINT NOT NULL CHECK (base >= 0),
    quota   BIGINT NOT NULL CHECK (quota > 0)
);
