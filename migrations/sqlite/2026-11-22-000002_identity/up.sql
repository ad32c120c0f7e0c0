-- A user has at most one account, which is deleted with the user.
CREATE TABLE accounts (
    user_uid BLOB NOT NULL CONSTRAINT accounts_pkey PRIMARY KEY
        CONSTRAINT accounts_user_uid_fkey REFERENCES users (uid) ON DELETE CASCADE,
    email TEXT NOT NULL CONSTRAINT accounts_email_check CHECK (length(email) BETWEEN 3 AND 254),
    email_key TEXT NOT NULL CONSTRAINT accounts_email_key_key UNIQUE,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL CONSTRAINT accounts_role_check CHECK (role IN ('user', 'admin')),
    verified INTEGER NOT NULL CONSTRAINT accounts_verified_check CHECK (verified IN (0, 1)),
    disabled INTEGER NOT NULL CONSTRAINT accounts_disabled_check CHECK (disabled IN (0, 1)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX accounts_role_idx ON accounts (role);
