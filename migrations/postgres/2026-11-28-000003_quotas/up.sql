-- What an account has created in its present 24 hours, where rows have no owner.
CREATE TABLE creation_windows (
    user_uid UUID NOT NULL CONSTRAINT creation_windows_pkey PRIMARY KEY
        CONSTRAINT creation_windows_user_uid_fkey REFERENCES users (uid) ON DELETE CASCADE,
    ends_at TIMESTAMPTZ NOT NULL,
    used INTEGER NOT NULL CONSTRAINT creation_windows_used_check CHECK (used >= 0)
);
