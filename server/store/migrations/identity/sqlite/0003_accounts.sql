-- Operators' roles and sign-ins, second factors of users and operators.

-- SQLite changes no CHECK of a table, so the table is made anew.
CREATE TABLE operators_with_roles (
    id            TEXT    PRIMARY KEY NOT NULL,
    name          TEXT    NOT NULL UNIQUE,
    password_hash TEXT    NOT NULL,
    role          TEXT    NOT NULL CHECK (role IN ('owner', 'operator', 'viewer')),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

INSERT INTO operators_with_roles SELECT id, name, password_hash, role, created_at, updated_at FROM operators;
DROP TABLE operators;
ALTER TABLE operators_with_roles RENAME TO operators;

CREATE TABLE operator_sign_ins (
    id          TEXT    PRIMARY KEY NOT NULL,
    operator_id TEXT    NOT NULL REFERENCES operators (id),
    token_hash  BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX operator_sign_ins_operator ON operator_sign_ins (operator_id);

CREATE TABLE second_factors (
    owner_kind    TEXT    NOT NULL CHECK (owner_kind IN ('user', 'operator')),
    owner_id      TEXT    NOT NULL,
    sealed_secret BLOB    NOT NULL,
    confirmed     INTEGER NOT NULL CHECK (confirmed IN (0, 1)),
    -- The newest step that was used: no code is good twice.
    last_step     INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (owner_kind, owner_id)
) STRICT;

CREATE TABLE recovery_codes (
    owner_kind TEXT    NOT NULL,
    owner_id   TEXT    NOT NULL,
    code_hash  BLOB    NOT NULL CHECK (length(code_hash) = 32),
    used_at    INTEGER,
    PRIMARY KEY (owner_kind, owner_id, code_hash),
    FOREIGN KEY (owner_kind, owner_id) REFERENCES second_factors (owner_kind, owner_id)
) STRICT;
