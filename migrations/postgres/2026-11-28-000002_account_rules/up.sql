-- API keys of administrators may have the scope "admin".
ALTER TABLE api_keys
    DROP CONSTRAINT api_keys_scopes_check,
    ADD CONSTRAINT api_keys_scopes_check CHECK (scopes IN (
        'read', 'write', 'read write', 'admin', 'read admin', 'write admin', 'read write admin'
    ));
