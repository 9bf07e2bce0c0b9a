-- Tokens with which programs use the admin API on behalf of an operator. A token itself is not stored.
CREATE TABLE api_tokens (
    id          TEXT    PRIMARY KEY NOT NULL,
    operator_id TEXT    NOT NULL REFERENCES operators (id),
    name        TEXT    NOT NULL,
    token_hash  BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    -- Names of rights, separated by spaces.
    scopes      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    -- Latest use, to the minute; NULL: never.
    used_at     INTEGER,
    UNIQUE (operator_id, name)
) STRICT;
