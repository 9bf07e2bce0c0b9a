-- Which gateway carried a connection. Rows from before are of the only one there was: the lease of a live session
-- names it, and so does any lease at all.
ALTER TABLE history ADD COLUMN node_id TEXT NOT NULL DEFAULT 'main';
UPDATE history SET node_id = (SELECT MIN(node_id) FROM leases) WHERE EXISTS (SELECT slot FROM leases);

-- One row an account: who holds it connects a device of that account, others wait.
CREATE TABLE turns (
    user_id TEXT   PRIMARY KEY NOT NULL,
    taken   INTEGER NOT NULL
) STRICT;
