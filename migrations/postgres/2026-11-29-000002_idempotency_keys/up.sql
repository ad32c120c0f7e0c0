-- Answers to changes that were sent with an Idempotency-Key, for repetitions of the request.
CREATE TABLE idempotency_keys (
    user_uid UUID NOT NULL CONSTRAINT idempotency_keys_user_uid_fkey REFERENCES users (uid) ON DELETE CASCADE,
    key TEXT NOT NULL CONSTRAINT idempotency_keys_key_check CHECK (length(key) BETWEEN 1 AND 255),
    -- A SHA-256 of method, path, query and body.
    request BYTEA NOT NULL CONSTRAINT idempotency_keys_request_check CHECK (length(request) = 32),
    created_at TIMESTAMPTZ NOT NULL,
    -- The bytes of the user's answers before this one, by which the oldest beyond a size are found.
    bytes_before BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    -- The answer; its status is 0 until the transaction of the change has it.
    status SMALLINT NOT NULL,
    location TEXT,
    etag TEXT,
    body BYTEA,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_uid, key)
);

CREATE INDEX idempotency_keys_user_uid_idx ON idempotency_keys (user_uid, bytes_before);
CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);
