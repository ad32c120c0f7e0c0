-- Locks a key until the transaction ends, then returns whether a response is stored for it.
--
-- Each statement of the function sees what was committed before it, so the second sees the response
-- of the transaction that held the lock. Without sequential scans, a plan made for an empty table
-- stays fast when the table grows.
CREATE FUNCTION claim_idempotency_key(of_user UUID, of_key TEXT) RETURNS BOOLEAN
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(of_key, uuid_hash_extended(of_user, 0)));
    RETURN EXISTS (SELECT FROM idempotency_keys WHERE user_uid = of_user AND key = of_key);
END
$$;
