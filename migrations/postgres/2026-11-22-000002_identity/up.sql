-- A user has at most one account, which is deleted with the user.
CREATE TABLE accounts (
    user_uid UUID NOT NULL CONSTRAINT accounts_pkey PRIMARY KEY
        CONSTRAINT accounts_user_uid_fkey REFERENCES users (uid) ON DELETE CASCADE,
    email TEXT NOT NULL CONSTRAINT accounts_email_check CHECK (length(email) BETWEEN 3 AND 254),
    email_key TEXT COLLATE "C" NOT NULL CONSTRAINT accounts_email_key_key UNIQUE,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL CONSTRAINT accounts_role_check CHECK (role IN ('user', 'admin')),
    verified BOOLEAN NOT NULL,
    disabled BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX accounts_role_idx ON accounts (role);
