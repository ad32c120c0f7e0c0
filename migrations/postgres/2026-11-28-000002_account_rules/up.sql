-- API keys of administrators may have the scope "admin".
ALTER TABLE api_keys
    DROP CONSTRAINT api_keys_scopes_check,
    ADD CONSTRAINT api_keys_scopes_check CHECK (scopes IN (
        'read', 'write', 'read write', 'admin', 'read admin', 'write admin', 'read write admin'
    ));

-- The user who created a tag or an author; NULL for imported ones, and after the user is deleted.
ALTER TABLE tags ADD COLUMN creator_uid UUID
    CONSTRAINT tags_creator_uid_fkey REFERENCES users (uid) ON DELETE SET NULL;
ALTER TABLE authors ADD COLUMN creator_uid UUID
    CONSTRAINT authors_creator_uid_fkey REFERENCES users (uid) ON DELETE SET NULL;

CREATE INDEX tags_creator_uid_idx ON tags (creator_uid, uid);
CREATE INDEX authors_creator_uid_idx ON authors (creator_uid, uid);
