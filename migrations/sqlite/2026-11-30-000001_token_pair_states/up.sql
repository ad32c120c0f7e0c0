ALTER TABLE token_pairs RENAME COLUMN spared TO retried;
ALTER TABLE token_pairs RENAME COLUMN dead TO revoked;
ALTER TABLE token_pairs RENAME COLUMN spent_at TO used_at;
