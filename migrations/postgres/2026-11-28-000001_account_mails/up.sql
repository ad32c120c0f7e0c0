-- The address that a token changes the account to.
ALTER TABLE mailed_tokens
    DROP CONSTRAINT mailed_tokens_purpose_check,
    ADD CONSTRAINT mailed_tokens_purpose_check CHECK (purpose IN ('verify', 'reset', 'change-email')),
    ADD COLUMN new_email TEXT,
    ADD CONSTRAINT mailed_tokens_new_email_check
        CHECK ((purpose = 'change-email') = (new_email IS NOT NULL) AND length(new_email) BETWEEN 3 AND 254);

ALTER TABLE mails
    DROP CONSTRAINT mails_kind_check,
    ADD CONSTRAINT mails_kind_check CHECK (kind IN
        ('verification', 'password-reset', 'password-changed', 'email-change', 'email-change-requested',
         'email-changed', 'new-device', 'key-created', 'role-changed', 'account-disabled', 'account-enabled')),
    ADD COLUMN detail TEXT CONSTRAINT mails_detail_check CHECK (length(detail) BETWEEN 1 AND 500);

-- Mails that somebody asked for, to any address. Whether there is an account is found out later.
CREATE TABLE mail_requests (
    uid UUID NOT NULL CONSTRAINT mail_requests_pkey PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL CONSTRAINT mail_requests_kind_check CHECK (kind IN ('verification', 'password-reset')),
    recipient TEXT NOT NULL CONSTRAINT mail_requests_recipient_check CHECK (length(recipient) BETWEEN 3 AND 254)
);

-- Devices that a user has signed in on. The fingerprint is a SHA-256.
CREATE TABLE known_devices (
    user_uid UUID NOT NULL CONSTRAINT known_devices_user_uid_fkey REFERENCES users (uid) ON DELETE CASCADE,
    fingerprint BYTEA NOT NULL CONSTRAINT known_devices_fingerprint_check CHECK (length(fingerprint) = 32),
    last_used_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT known_devices_pkey PRIMARY KEY (user_uid, fingerprint)
);

CREATE INDEX known_devices_last_used_at_idx ON known_devices (last_used_at);

-- Unverified accounts are deleted after some days.
CREATE INDEX accounts_verified_idx ON accounts (verified, created_at);
