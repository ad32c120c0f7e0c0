DROP TABLE leases;
DROP TABLE audit;
DROP TABLE mails;
DROP TABLE mailed_tokens;
DROP TABLE api_keys;
DROP TABLE token_pairs;
DROP TABLE sessions;
