ALTER TABLE token_pairs RENAME COLUMN used_at TO spent_at;
ALTER TABLE token_pairs RENAME COLUMN revoked TO dead;
ALTER TABLE token_pairs RENAME COLUMN retried TO spared;
