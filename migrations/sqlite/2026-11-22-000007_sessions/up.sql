-- Only SHA-256 hashes of secrets are stored.

-- A session begins with a sign-in and has a family of token pairs, of which at most one is active.
CREATE TABLE sessions (
    uid BLOB NOT NULL CONSTRAINT sessions_pkey PRIMARY KEY
        CONSTRAINT sessions_uid_check CHECK (length(uid) = 16),
    user_uid BLOB NOT NULL CONSTRAINT sessions_user_uid_fkey REFERENCES users (uid) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    address TEXT CONSTRAINT sessions_address_check CHECK (length(address) BETWEEN 2 AND 45),
    agent TEXT CONSTRAINT sessions_agent_check CHECK (length(agent) BETWEEN 1 AND 200)
) STRICT;

CREATE INDEX sessions_user_uid_idx ON sessions (user_uid, uid);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

-- An access token and a refresh token. A refresh issues the next generation.
CREATE TABLE token_pairs (
    uid BLOB NOT NULL CONSTRAINT token_pairs_pkey PRIMARY KEY
        CONSTRAINT token_pairs_uid_check CHECK (length(uid) = 16),
    session_uid BLOB NOT NULL CONSTRAINT token_pairs_session_uid_fkey REFERENCES sessions (uid) ON DELETE CASCADE,
    generation INTEGER NOT NULL CONSTRAINT token_pairs_generation_check CHECK (generation >= 1),
    refresh_hash BLOB CONSTRAINT token_pairs_refresh_hash_key UNIQUE
        CONSTRAINT token_pairs_refresh_hash_check CHECK (length(refresh_hash) = 32),
    issued_at INTEGER NOT NULL,
    spent_at INTEGER,
    -- Whether it was retried within the reuse grace period.
    spared INTEGER NOT NULL CONSTRAINT token_pairs_spared_check CHECK (spared IN (0, 1)),
    -- Whether it was revoked because its predecessor was retried.
    dead INTEGER NOT NULL CONSTRAINT token_pairs_dead_check CHECK (dead IN (0, 1)),
    CONSTRAINT token_pairs_session_uid_generation_key UNIQUE (session_uid, generation)
) STRICT;

CREATE UNIQUE INDEX token_pairs_alive_idx ON token_pairs (session_uid) WHERE spent_at IS NULL AND dead = 0;

CREATE TABLE api_keys (
    uid BLOB NOT NULL CONSTRAINT api_keys_pkey PRIMARY KEY
        CONSTRAINT api_keys_uid_check CHECK (length(uid) = 16),
    user_uid BLOB NOT NULL CONSTRAINT api_keys_user_uid_fkey REFERENCES users (uid) ON DELETE CASCADE,
    name TEXT NOT NULL CONSTRAINT api_keys_name_check CHECK (length(name) BETWEEN 1 AND 100),
    hash BLOB NOT NULL CONSTRAINT api_keys_hash_key UNIQUE
        CONSTRAINT api_keys_hash_check CHECK (length(hash) = 32),
    -- The last characters of the key, shown to its owner.
    hint TEXT NOT NULL CONSTRAINT api_keys_hint_check CHECK (length(hint) <= 8),
    scopes TEXT NOT NULL CONSTRAINT api_keys_scopes_check CHECK (scopes IN ('read', 'write', 'read write')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER
) STRICT;

CREATE INDEX api_keys_user_uid_idx ON api_keys (user_uid, uid);
CREATE INDEX api_keys_expires_at_idx ON api_keys (expires_at);

-- A user has one token for each purpose. A newer one replaces it; use deletes it.
CREATE TABLE mailed_tokens (
    uid BLOB NOT NULL CONSTRAINT mailed_tokens_pkey PRIMARY KEY
        CONSTRAINT mailed_tokens_uid_check CHECK (length(uid) = 16),
    user_uid BLOB NOT NULL CONSTRAINT mailed_tokens_user_uid_fkey REFERENCES users (uid) ON DELETE CASCADE,
    purpose TEXT NOT NULL CONSTRAINT mailed_tokens_purpose_check CHECK (purpose IN ('verify', 'reset')),
    hash BLOB NOT NULL CONSTRAINT mailed_tokens_hash_key UNIQUE
        CONSTRAINT mailed_tokens_hash_check CHECK (length(hash) = 32),
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT mailed_tokens_user_uid_purpose_key UNIQUE (user_uid, purpose)
) STRICT;

CREATE INDEX mailed_tokens_expires_at_idx ON mailed_tokens (expires_at);

-- Mails to send, and sent ones. The text is written when a mail is sent.
CREATE TABLE mails (
    uid BLOB NOT NULL CONSTRAINT mails_pkey PRIMARY KEY
        CONSTRAINT mails_uid_check CHECK (length(uid) = 16),
    user_uid BLOB NOT NULL CONSTRAINT mails_user_uid_fkey REFERENCES users (uid) ON DELETE CASCADE,
    kind TEXT NOT NULL CONSTRAINT mails_kind_check
        CHECK (kind IN ('verification', 'password-reset', 'password-changed')),
    -- A key of mailed_tokens, without a foreign key: the token may be deleted before the mail.
    token_uid BLOB CONSTRAINT mails_token_uid_check CHECK (length(token_uid) = 16),
    recipient TEXT NOT NULL CONSTRAINT mails_recipient_check CHECK (length(recipient) BETWEEN 3 AND 254),
    created_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL CONSTRAINT mails_attempts_check CHECK (attempts >= 0),
    next_attempt_at INTEGER NOT NULL,
    sent_at INTEGER,
    failed_at INTEGER
) STRICT;

CREATE INDEX mails_user_uid_idx ON mails (user_uid, uid);
CREATE INDEX mails_due_idx ON mails (next_attempt_at, uid) WHERE sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX mails_created_at_idx ON mails (created_at);

-- The audit log. Entries remain when their users are deleted. The key contains the time.
CREATE TABLE audit (
    uid BLOB NOT NULL CONSTRAINT audit_pkey PRIMARY KEY
        CONSTRAINT audit_uid_check CHECK (length(uid) = 16),
    action TEXT NOT NULL CONSTRAINT audit_action_check CHECK (length(action) BETWEEN 1 AND 50),
    actor_uid BLOB CONSTRAINT audit_actor_uid_check CHECK (length(actor_uid) = 16),
    subject_uid BLOB CONSTRAINT audit_subject_uid_check CHECK (length(subject_uid) = 16),
    address TEXT CONSTRAINT audit_address_check CHECK (length(address) BETWEEN 2 AND 45),
    request_id TEXT CONSTRAINT audit_request_id_check CHECK (length(request_id) BETWEEN 1 AND 64),
    detail TEXT CONSTRAINT audit_detail_check CHECK (length(detail) BETWEEN 1 AND 500)
) STRICT;

CREATE INDEX audit_action_idx ON audit (action, uid);
CREATE INDEX audit_actor_uid_idx ON audit (actor_uid, uid);
CREATE INDEX audit_subject_uid_idx ON audit (subject_uid, uid);

-- Leases on work that one server process does at a time.
CREATE TABLE leases (
    name TEXT NOT NULL CONSTRAINT leases_pkey PRIMARY KEY
        CONSTRAINT leases_name_check CHECK (length(name) BETWEEN 1 AND 50),
    holder BLOB NOT NULL CONSTRAINT leases_holder_check CHECK (length(holder) = 16),
    until INTEGER NOT NULL
) STRICT;
