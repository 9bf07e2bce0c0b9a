-- Bytes a second to and from an account's devices together; NULL: as many as there are.
ALTER TABLE users ADD COLUMN download_rate INTEGER CHECK (download_rate > 0);
ALTER TABLE users ADD COLUMN upload_rate INTEGER CHECK (upload_rate > 0);
-- 1: the account's devices may reach each other.
ALTER TABLE users ADD COLUMN together INTEGER NOT NULL DEFAULT 0 CHECK (together IN (0, 1));
