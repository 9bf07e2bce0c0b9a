-- When the operator last confirmed the password, when the sign-in was last used (to the minute), and where it began.
ALTER TABLE operator_sign_ins ADD COLUMN confirmed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE operator_sign_ins ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE operator_sign_ins ADD COLUMN address TEXT NOT NULL DEFAULT '';
