-- Authorization requests that clients pushed and no browser has brought yet. See 0001_init.sql for the types and for what
-- "sealed" and "hash" mean.

CREATE TABLE pushed_requests (
    token_hash BYTEA PRIMARY KEY, -- hash
    client_id TEXT NOT NULL,
    request BYTEA NOT NULL, -- sealed: the parameters
    expires_at BIGINT NOT NULL
);
