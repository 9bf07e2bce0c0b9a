-- Identity on PostgreSQL: the same tables as on SQLite after its migration of the same number.
-- Times are Unix seconds, identifiers UUID text, truth values 0 and 1, so that one text of each query serves both.

CREATE TABLE users (
    id            TEXT   PRIMARY KEY,
    username      TEXT   NOT NULL,
    email         TEXT,
    password_hash TEXT   NOT NULL,
    is_active     BIGINT NOT NULL CHECK (is_active IN (0, 1)),
    max_devices   BIGINT NOT NULL CHECK (max_devices > 0),
    created_at    BIGINT NOT NULL,
    last_login_at BIGINT,
    deleted_at    BIGINT
);

-- A deleted account gives its name and address free.
CREATE UNIQUE INDEX users_username ON users (username) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_email ON users (email) WHERE deleted_at IS NULL;

CREATE TABLE devices (
    id            TEXT   PRIMARY KEY,
    user_id       TEXT   NOT NULL REFERENCES users (id),
    kind          TEXT   NOT NULL CHECK (kind IN ('v1', 'v2')),
    device_key    BYTEA  CHECK (length(device_key) = 32),
    name          TEXT   NOT NULL,
    wireguard_key TEXT   UNIQUE,
    created_at    BIGINT NOT NULL,
    last_login_at BIGINT NOT NULL,
    removed_at    BIGINT,
    CHECK ((kind = 'v2') = (device_key IS NOT NULL)),
    CHECK (removed_at IS NULL OR wireguard_key IS NULL)
);

CREATE UNIQUE INDEX devices_key ON devices (user_id, device_key) WHERE removed_at IS NULL;

CREATE TABLE invitations (
    id          TEXT   PRIMARY KEY,
    code_hash   BYTEA  NOT NULL UNIQUE CHECK (length(code_hash) = 32),
    user_id     TEXT   REFERENCES users (id),
    max_devices BIGINT NOT NULL CHECK (max_devices > 0),
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    used_at     BIGINT
);

CREATE TABLE token_families (
    id            TEXT   PRIMARY KEY,
    user_id       TEXT   NOT NULL REFERENCES users (id),
    device_id     TEXT   NOT NULL REFERENCES devices (id),
    refresh_jti   TEXT   NOT NULL,
    -- The latest trade, so that it can be repeated when its answer was lost.
    spent_jti     TEXT,
    spent_attempt BYTEA,
    sealed_export BYTEA,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    revoked_at    BIGINT,
    revoke_reason TEXT,
    CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL))
);

-- One device has one login at a time: a new one ends the one before.
CREATE UNIQUE INDEX token_families_device ON token_families (device_id) WHERE revoked_at IS NULL;
CREATE INDEX token_families_user ON token_families (user_id);
CREATE INDEX token_families_expiry ON token_families (expires_at);

CREATE TABLE spent_envelopes (
    key_hash   BYTEA  PRIMARY KEY CHECK (length(key_hash) = 32),
    expires_at BIGINT NOT NULL
);

CREATE INDEX spent_envelopes_expiry ON spent_envelopes (expires_at);

CREATE TABLE operators (
    id            TEXT   PRIMARY KEY,
    name          TEXT   NOT NULL UNIQUE,
    password_hash TEXT   NOT NULL,
    role          TEXT   NOT NULL CHECK (role IN ('owner')),
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);

-- At most one row each: the constant key is what keeps it so.
CREATE TABLE setup_code (
    one        BIGINT PRIMARY KEY CHECK (one = 1),
    code_hash  BYTEA  NOT NULL CHECK (length(code_hash) = 32),
    expires_at BIGINT NOT NULL
);

CREATE TABLE tls_key (
    one         BIGINT PRIMARY KEY CHECK (one = 1),
    spki_sha256 TEXT   NOT NULL,
    attested_at BIGINT NOT NULL
);
