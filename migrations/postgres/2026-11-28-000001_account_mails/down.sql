DROP INDEX accounts_verified_idx;
DROP TABLE known_devices;
DROP TABLE mail_requests;

DELETE FROM mails WHERE kind NOT IN ('verification', 'password-reset', 'password-changed');

ALTER TABLE mails
    DROP COLUMN detail,
    DROP CONSTRAINT mails_kind_check,
    ADD CONSTRAINT mails_kind_check CHECK (kind IN ('verification', 'password-reset', 'password-changed'));

DELETE FROM mailed_tokens WHERE purpose NOT IN ('verify', 'reset');

ALTER TABLE mailed_tokens
    DROP COLUMN new_email,
    DROP CONSTRAINT mailed_tokens_purpose_check,
    ADD CONSTRAINT mailed_tokens_purpose_check CHECK (purpose IN ('verify', 'reset'));
