-- What an account has created in its present 24 hours, where rows have no owner.
CREATE TABLE creation_windows (
    user_uid BLOB NOT NULL CONSTRAINT creation_windows_pkey PRIMARY KEY
        CONSTRAINT creation_windows_user_uid_fkey REFERENCES users (uid) ON DELETE CASCADE,
    ends_at INTEGER NOT NULL,
    used INTEGER NOT NULL CONSTRAINT creation_windows_used_check CHECK (used >= 0)
) STRICT;
