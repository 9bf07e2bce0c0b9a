-- Passkeys of operators (WebAuthn).
CREATE TABLE operator_passkeys (
    id            TEXT   PRIMARY KEY,
    operator_id   TEXT   NOT NULL REFERENCES operators (id),
    name          TEXT   NOT NULL,
    credential_id BYTEA  NOT NULL UNIQUE,
    -- Public key and counter, JSON.
    passkey       TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    -- Latest use; NULL: never.
    used_at       BIGINT
);

CREATE INDEX operator_passkeys_operator ON operator_passkeys (operator_id);
