-- Passkeys of operators (WebAuthn).
CREATE TABLE operator_passkeys (
    id            TEXT    PRIMARY KEY NOT NULL,
    operator_id   TEXT    NOT NULL REFERENCES operators (id),
    name          TEXT    NOT NULL,
    credential_id BLOB    NOT NULL UNIQUE,
    -- Public key and counter, JSON.
    passkey       TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    -- Latest use; NULL: never.
    used_at       INTEGER
) STRICT;

CREATE INDEX operator_passkeys_operator ON operator_passkeys (operator_id);
