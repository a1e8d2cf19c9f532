-- Keys by which programs administer in the place of the administrator who made them. See 0001_init.sql for the types and
-- for what "sealed" and "hash" mean.

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    token_hash BYTEA NOT NULL UNIQUE, -- hash
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name BYTEA NOT NULL, -- sealed
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    expires_at BIGINT NOT NULL
);
CREATE INDEX api_keys_user ON api_keys (user_id);
