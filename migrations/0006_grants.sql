-- Tokens that clients have for themselves, and devices that wait for their person. See 0001_init.sql for the types and for
-- what "hash" means.

CREATE TABLE client_tokens (
    token_hash BYTEA PRIMARY KEY, -- hash
    client_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE device_requests (
    device_hash BYTEA PRIMARY KEY, -- hash
    user_code BYTEA NOT NULL UNIQUE, -- keyed hash
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    pace BIGINT NOT NULL, -- seconds between two questions of the device
    asked_at BIGINT, -- its last question
    family_id TEXT, -- what the person granted
    refused_at BIGINT,
    consumed_at BIGINT
);
