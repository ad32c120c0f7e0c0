DROP INDEX authors_creator_uid_idx;
DROP INDEX tags_creator_uid_idx;
ALTER TABLE authors DROP COLUMN creator_uid;
ALTER TABLE tags DROP COLUMN creator_uid;

-- The previous schema has no scope "admin".
DELETE FROM api_keys WHERE scopes LIKE '%admin';
ALTER TABLE api_keys
    DROP CONSTRAINT api_keys_scopes_check,
    ADD CONSTRAINT api_keys_scopes_check CHECK (scopes IN ('read', 'write', 'read write'));
