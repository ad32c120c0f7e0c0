-- Renames columns. SQLite cannot rename a constraint, so the table is written anew.
CREATE TABLE new_token_pairs (
    uid BLOB NOT NULL CONSTRAINT token_pairs_pkey PRIMARY KEY
        CONSTRAINT token_pairs_uid_check CHECK (length(uid) = 16),
    session_uid BLOB NOT NULL CONSTRAINT token_pairs_session_uid_fkey REFERENCES sessions (uid) ON DELETE CASCADE,
    generation INTEGER NOT NULL CONSTRAINT token_pairs_generation_check CHECK (generation >= 1),
    refresh_hash BLOB CONSTRAINT token_pairs_refresh_hash_key UNIQUE
        CONSTRAINT token_pairs_refresh_hash_check CHECK (length(refresh_hash) = 32),
    issued_at INTEGER NOT NULL,
    used_at INTEGER,
    -- Whether it was retried within the reuse grace period.
    retried INTEGER NOT NULL CONSTRAINT token_pairs_retried_check CHECK (retried IN (0, 1)),
    -- Whether it was revoked because its predecessor was retried.
    revoked INTEGER NOT NULL CONSTRAINT token_pairs_revoked_check CHECK (revoked IN (0, 1)),
    CONSTRAINT token_pairs_session_uid_generation_key UNIQUE (session_uid, generation)
) STRICT;

INSERT INTO new_token_pairs (uid, session_uid, generation, refresh_hash, issued_at, used_at, retried, revoked)
SELECT uid, session_uid, generation, refresh_hash, issued_at, spent_at, spared, dead FROM token_pairs;

DROP TABLE token_pairs;
ALTER TABLE new_token_pairs RENAME TO token_pairs;

CREATE UNIQUE INDEX token_pairs_alive_idx ON token_pairs (session_uid) WHERE used_at IS NULL AND revoked = 0;
