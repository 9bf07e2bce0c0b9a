-- Operators' roles and sign-ins, second factors of users and operators.

ALTER TABLE operators DROP CONSTRAINT operators_role_check;
ALTER TABLE operators ADD CONSTRAINT operators_role_check CHECK (role IN ('owner', 'operator', 'viewer'));

CREATE TABLE operator_sign_ins (
    id          TEXT   PRIMARY KEY,
    operator_id TEXT   NOT NULL REFERENCES operators (id),
    token_hash  BYTEA  NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);

CREATE INDEX operator_sign_ins_operator ON operator_sign_ins (operator_id);

CREATE TABLE second_factors (
    owner_kind    TEXT   NOT NULL CHECK (owner_kind IN ('user', 'operator')),
    owner_id      TEXT   NOT NULL,
    sealed_secret BYTEA  NOT NULL,
    confirmed     BIGINT NOT NULL CHECK (confirmed IN (0, 1)),
    -- The newest step that was used: no code is good twice.
    last_step     BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (owner_kind, owner_id)
);

CREATE TABLE recovery_codes (
    owner_kind TEXT   NOT NULL,
    owner_id   TEXT   NOT NULL,
    code_hash  BYTEA  NOT NULL CHECK (length(code_hash) = 32),
    used_at    BIGINT,
    PRIMARY KEY (owner_kind, owner_id, code_hash),
    FOREIGN KEY (owner_kind, owner_id) REFERENCES second_factors (owner_kind, owner_id)
);
