DROP INDEX authors_creator_uid_idx;
DROP INDEX tags_creator_uid_idx;
ALTER TABLE authors DROP COLUMN creator_uid;
ALTER TABLE tags DROP COLUMN creator_uid;

-- The previous schema has no scope "admin".
DELETE FROM api_keys WHERE scopes LIKE '%admin';
DROP INDEX api_keys_user_uid_idx;
DROP INDEX api_keys_expires_at_idx;
ALTER TABLE api_keys RENAME TO old_api_keys;

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

INSERT INTO api_keys SELECT * FROM old_api_keys;
DROP TABLE old_api_keys;

CREATE INDEX api_keys_user_uid_idx ON api_keys (user_uid, uid);
CREATE INDEX api_keys_expires_at_idx ON api_keys (expires_at);
