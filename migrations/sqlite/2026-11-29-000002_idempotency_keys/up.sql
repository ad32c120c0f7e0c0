-- Answers to changes that were sent with an Idempotency-Key, for repetitions of the request.
CREATE TABLE idempotency_keys (
    -- Without a foreign key, which would lock the row of the user in every such transaction, and so
    -- wait for a change of that user. The rows are deleted with the user and when they expire.
    user_uid BLOB NOT NULL,
    key TEXT NOT NULL CONSTRAINT idempotency_keys_key_check CHECK (length(key) BETWEEN 1 AND 255),
    -- A SHA-256 of method, path, query and body.
    request BLOB NOT NULL CONSTRAINT idempotency_keys_request_check CHECK (length(request) = 32),
    created_at INTEGER NOT NULL,
    -- The answer; its status is 0 while the transaction of the change runs.
    status INTEGER NOT NULL,
    location TEXT,
    etag TEXT,
    body BLOB,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_uid, key)
) STRICT;

CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);
