-- Tokens that people make for themselves, each for one service.

CREATE TABLE personal_tokens (
    id TEXT PRIMARY KEY,
    token_hash BYTEA NOT NULL UNIQUE, -- hash
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name BYTEA NOT NULL, -- sealed
    service TEXT NOT NULL,
    paths TEXT NOT NULL, -- prefixes, separated by spaces; empty for all
    methods TEXT NOT NULL, -- the same
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX personal_tokens_user ON personal_tokens (user_id);
