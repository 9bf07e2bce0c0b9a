-- Few accounts are treated otherwise than most; every sweep asks for them, and looks at no other.
CREATE INDEX users_treated ON users (id)
    WHERE deleted_at IS NULL AND (download_rate IS NOT NULL OR upload_rate IS NOT NULL OR together = 1);
