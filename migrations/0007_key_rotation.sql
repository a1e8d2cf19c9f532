-- Keys that follow one another: published, active, retired, gone; or revoked. A key's state follows from these times.

DROP INDEX signing_keys_active;
ALTER TABLE signing_keys DROP COLUMN retired_at;
ALTER TABLE signing_keys ADD COLUMN active_at BIGINT NOT NULL DEFAULT 0; -- signs from then on
ALTER TABLE signing_keys ADD COLUMN succeeds TEXT NOT NULL DEFAULT ''; -- the key before it; empty for the first
ALTER TABLE signing_keys ADD COLUMN revoked_at BIGINT;
UPDATE signing_keys SET active_at = created_at;
-- A key has one successor, whoever makes it.
CREATE UNIQUE INDEX signing_keys_successor ON signing_keys (alg, succeeds);

INSERT INTO meta (key, number) VALUES ('signing_keys', 0);
INSERT INTO meta (key, number) VALUES ('longest_token', 0);
