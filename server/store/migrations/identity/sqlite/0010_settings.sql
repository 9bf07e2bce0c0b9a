-- Settings that operators change while the server runs.
CREATE TABLE settings (
    name       TEXT    PRIMARY KEY NOT NULL,
    value      TEXT    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
