DROP INDEX accounts_verified_idx;
DROP TABLE known_devices;
DROP TABLE mail_requests;

ALTER TABLE mails RENAME TO later_mails;

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

INSERT INTO mails (uid, user_uid, kind, token_uid, recipient, created_at, attempts, next_attempt_at, sent_at, failed_at)
SELECT uid, user_uid, kind, token_uid, recipient, created_at, attempts, next_attempt_at, sent_at, failed_at
FROM later_mails WHERE kind IN ('verification', 'password-reset', 'password-changed');

DROP TABLE later_mails;

CREATE INDEX mails_user_uid_idx ON mails (user_uid, uid);
CREATE INDEX mails_due_idx ON mails (next_attempt_at, uid) WHERE sent_at IS NULL AND failed_at IS NULL;
CREATE INDEX mails_created_at_idx ON mails (created_at);

ALTER TABLE mailed_tokens RENAME TO later_mailed_tokens;

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

INSERT INTO mailed_tokens (uid, user_uid, purpose, hash, expires_at, created_at)
SELECT uid, user_uid, purpose, hash, expires_at, created_at
FROM later_mailed_tokens WHERE purpose IN ('verify', 'reset');

DROP TABLE later_mailed_tokens;

CREATE INDEX mailed_tokens_expires_at_idx ON mailed_tokens (expires_at);
