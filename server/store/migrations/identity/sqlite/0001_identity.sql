-- Identity: users, devices, invitations, logins, operators. Times are Unix seconds, identifiers UUID text.

CREATE TABLE users (
    id            TEXT    PRIMARY KEY NOT NULL,
    username      TEXT    NOT NULL,
    email         TEXT,
    password_hash TEXT    NOT NULL,
    is_active     INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    max_devices   INTEGER NOT NULL CHECK (max_devices > 0),
    created_at    INTEGER NOT NULL,
    last_login_at INTEGER,
    deleted_at    INTEGER
) STRICT;

-- A deleted account gives its name and address free.
CREATE UNIQUE INDEX users_username ON users (username) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_email ON users (email) WHERE deleted_at IS NULL;

CREATE TABLE devices (
    id            TEXT    PRIMARY KEY NOT NULL,
    user_id       TEXT    NOT NULL REFERENCES users (id),
    kind          TEXT    NOT NULL CHECK (kind IN ('v1', 'v2')),
    device_key    BLOB    CHECK (length(device_key) = 32),
    name          TEXT    NOT NULL,
    wireguard_key TEXT    UNIQUE,
    created_at    INTEGER NOT NULL,
    last_login_at INTEGER NOT NULL,
    removed_at    INTEGER,
    CHECK ((kind = 'v2') = (device_key IS NOT NULL)),
    CHECK (removed_at IS NULL OR wireguard_key IS NULL)
) STRICT;

CREATE UNIQUE INDEX devices_key ON devices (user_id, device_key) WHERE removed_at IS NULL;

CREATE TABLE invitations (
    id          TEXT    PRIMARY KEY NOT NULL,
    code_hash   BLOB    NOT NULL UNIQUE CHECK (length(code_hash) = 32),
    user_id     TEXT    REFERENCES users (id),
    max_devices INTEGER NOT NULL CHECK (max_devices > 0),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    used_at     INTEGER
) STRICT;

CREATE TABLE token_families (
    id            TEXT    PRIMARY KEY NOT NULL,
    user_id       TEXT    NOT NULL REFERENCES users (id),
    device_id     TEXT    NOT NULL REFERENCES devices (id),
    refresh_jti   TEXT    NOT NULL,
    -- The latest trade, so that it can be repeated when its answer was lost.
    spent_jti     TEXT,
    spent_attempt BLOB,
    sealed_export BLOB,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    revoked_at    INTEGER,
    revoke_reason TEXT,
    CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL))
) STRICT;

-- One device has one login at a time: a new one ends the one before.
CREATE UNIQUE INDEX token_families_device ON token_families (device_id) WHERE revoked_at IS NULL;
CREATE INDEX token_families_user ON token_families (user_id);
CREATE INDEX token_families_expiry ON token_families (expires_at);

CREATE TABLE spent_envelopes (
    key_hash   BLOB    PRIMARY KEY NOT NULL CHECK (length(key_hash) = 32),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX spent_envelopes_expiry ON spent_envelopes (expires_at);

CREATE TABLE operators (
    id            TEXT    PRIMARY KEY NOT NULL,
    name          TEXT    NOT NULL UNIQUE,
    password_hash TEXT    NOT NULL,
    role          TEXT    NOT NULL CHECK (role IN ('owner')),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

-- At most one row each: the constant key is what keeps it so.
CREATE TABLE setup_code (
    one        INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    code_hash  BLOB    NOT NULL CHECK (length(code_hash) = 32),
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE tls_key (
    one         INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    spki_sha256 TEXT    NOT NULL,
    attested_at INTEGER NOT NULL
) STRICT;
