-- Countries in which devices wish to leave Tor. A device that has no row does not mind.
CREATE TABLE exits (
    device_id TEXT PRIMARY KEY,
    country   TEXT NOT NULL CHECK (length(country) = 2)
);
