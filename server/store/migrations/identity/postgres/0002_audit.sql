-- The audit trail. Rows are numbered without gaps and chained: each hash covers the row and the hash before it.

CREATE TABLE audit_rows (
    seq     BIGINT PRIMARY KEY CHECK (seq > 0),
    at      BIGINT NOT NULL,
    actor   TEXT   NOT NULL,
    action  TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    outcome TEXT   NOT NULL CHECK (outcome IN ('done', 'refused', 'failed')),
    details TEXT   NOT NULL,
    hash    BYTEA  NOT NULL CHECK (length(hash) = 32)
);

-- The newest row. Who writes a row changes this one first, so writers come one after the other.
CREATE TABLE audit_head (
    one  BIGINT PRIMARY KEY CHECK (one = 1),
    seq  BIGINT NOT NULL,
    hash BYTEA  NOT NULL CHECK (length(hash) = 32)
);

INSERT INTO audit_head (one, seq, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex'));
