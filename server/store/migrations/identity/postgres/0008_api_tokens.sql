-- Tokens with which programs use the admin API on behalf of an operator. A token itself is not stored.
CREATE TABLE api_tokens (
    id          TEXT   PRIMARY KEY,
    operator_id TEXT   NOT NULL REFERENCES operators (id),
    name        TEXT   NOT NULL,
    token_hash  BYTEA  NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    -- Names of rights, separated by spaces.
    scopes      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    -- Latest use, to the minute; NULL: never.
    used_at     BIGINT,
    UNIQUE (operator_id, name)
);
