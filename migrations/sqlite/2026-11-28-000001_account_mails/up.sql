-- SQLite cannot change the constraints of a table, so the tables of mails are created again.
ALTER TABLE mailed_tokens RENAME TO former_mailed_tokens;

-- A user has one token for each purpose. A newer one replaces it; use deletes it.
CREATE TABLE mailed_tokens (
    uid BLOB NOT NULL CONSTRAINT mailed_tokens_pkey PRIMARY KEY
        CONSTRAINT mailed_tokens_uid_check CHECK (length(uid) = 16),
    user_uid BLOB NOT NULL CONSTRAINT mailed_tokens_user_uid_fkey REFERENCES users (uid) ON DELETE CASCADE,
    purpose TEXT NOT NULL CONSTRAINT mailed_tokens_purpose_check CHECK (purpose IN ('verify', 'reset', 'change-email')),
    hash BLOB NOT NULL CONSTRAINT mailed_tokens_hash_key UNIQUE
        CONSTRAINT mailed_tokens_hash_check CHECK (length(hash) = 32),
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    -- The address that the token changes the account to.
    new_email TEXT CONSTRAINT mailed_tokens_new_email_check
        CHECK ((purpose = 'change-email') = (new_email IS NOT NULL) AND length(new_email) BETWEEN 3 AND 254),
    CONSTRAINT mailed_tokens_user_uid_purpose_key UNIQUE (user_uid, purpose)
) STRICT;

INSERT INTO mailed_tokens (uid, user_uid, purpose, hash, expires_at, created_at)
SELECT uid, user_uid, purpose, hash, expires_at, created_at FROM former_mailed_tokens;

DROP TABLE former_mailed_tokens;

CREATE INDEX mailed_tokens_expires_at_idx ON mailed_tokens (expires_at);

ALTER TABLE mails RENAME TO former_mails;

-- Mails to send, and sent ones. The text is written when a mail is sent.
CREATE TABLE mails (
    uid BLOB NOT NULL CONSTRAINT mails_pkey PRIMARY KEY
        CONSTRAINT mails_uid_check CHECK (length(uid) = 16),
    user_uid BLOB NOT NULL CONSTRAINT mails_user_uid_fkey REFERENCES users (uid) ON DELETE CASCADE,
    kind TEXT NOT NULL CONSTRAINT mails_kind_check CHECK (kind IN
        ('verification', 'password-reset', 'password-changed', 'email-change', 'email-change-requested',
         'email-changed', 'new-device', 'key-created', 'role-changed', 'account-disabled', 'account-enabled')),
    -- A key of mailed_tokens, without a foreign key: the token may be deleted before the mail.
    token_uid BLOB CONSTRAINT mails_token_uid_check CHECK (length(token_uid) = 16),
    recipient TEXT NOT NULL CONSTRAINT mails_recipient_check CHECK (length(recipient) BETWEEN 3 AND 254),
    created_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL CONSTRAINT mails_attempts_check CHECK (attempts >= 0),
    next_attempt_at INTEGER NOT NULL,
    sent_at INTEGER,
    failed_at INTEGER,
    detail TEXT CONSTRAINT mails_detail_check CHECK (length(detail) BETWEEN 1 AND 500)
) STRICT;

INSERT INTO mails (uid, user_uid, kind, token_uid, recipient, created_at, attempts, next_attempt_at, sent_at, failed_at)
SELECT uid, user_uid, kind, token_uid, recipient, created_at, attempts, next_attempt_at, sent_at, failed_at
FROM former_mails;

DROP TABLE former_mails;

CREATE INDEX mails_user_uid_idx ON mails (user_uid, uid);
CREATE INDEX mails_due_idx ON mails (next_attempt_at, uid) WHERE sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX mails_created_at_idx ON mails (created_at);

-- Mails that somebody asked for, to any address. Whether there is an account is found out later.
CREATE TABLE mail_requests (
    uid BLOB NOT NULL CONSTRAINT mail_requests_pkey PRIMARY KEY
        CONSTRAINT mail_requests_uid_check CHECK (length(uid) = 16),
    kind TEXT NOT NULL CONSTRAINT mail_requests_kind_check CHECK (kind IN ('verification', 'password-reset')),
    recipient TEXT NOT NULL CONSTRAINT mail_requests_recipient_check CHECK (length(recipient) BETWEEN 3 AND 254)
) STRICT;

-- Devices that a user has signed in on. The fingerprint is a SHA-256.
CREATE TABLE known_devices (
    user_uid BLOB NOT NULL CONSTRAINT known_devices_user_uid_fkey REFERENCES users (uid) ON DELETE CASCADE,
    fingerprint BLOB NOT NULL CONSTRAINT known_devices_fingerprint_check CHECK (length(fingerprint) = 32),
    last_used_at INTEGER NOT NULL,
    CONSTRAINT known_devices_pkey PRIMARY KEY (user_uid, fingerprint)
) STRICT, WITHOUT ROWID;

CREATE INDEX known_devices_last_used_at_idx ON known_devices (last_used_at);

-- Unverified accounts are deleted after some days.
CREATE INDEX accounts_verified_idx ON accounts (verified, created_at);
