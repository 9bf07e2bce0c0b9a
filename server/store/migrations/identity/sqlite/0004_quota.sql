-- Bytes that an account may move in a calendar month; NULL: as many as it likes.
ALTER TABLE users ADD COLUMN month_quota INTEGER CHECK (month_quota > 0);
