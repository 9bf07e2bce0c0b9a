-- Devices that are ordinary WireGuard apps: their sessions have no heartbeats, and live until they are ended.
ALTER TABLE sessions ADD COLUMN plain INTEGER NOT NULL DEFAULT 0 CHECK (plain IN (0, 1));
