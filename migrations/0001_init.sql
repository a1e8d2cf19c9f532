-- TEXT, BIGINT and BYTEA only. Times are seconds since the epoch, flags are nullable times or 0 and 1.
-- "sealed": AES-256-GCM under a key derived from the root secret; "hash": SHA-256 of a random token.

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    profile BYTEA NOT NULL, -- sealed: user name, display name, mail address
    username_index BYTEA NOT NULL UNIQUE, -- keyed hash
    email_index BYTEA UNIQUE, -- keyed hash
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);

CREATE TABLE user_groups (
    name TEXT PRIMARY KEY,
    created_at BIGINT NOT NULL
);

CREATE TABLE memberships (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_name TEXT NOT NULL REFERENCES user_groups (name) ON DELETE CASCADE,
    PRIMARY KEY (user_id, group_name)
);
CREATE INDEX memberships_group ON memberships (group_name);

CREATE TABLE setups (
    token_hash BYTEA PRIMARY KEY, -- hash
    expires_at BIGINT NOT NULL
);

CREATE TABLE enrolments (
    token_hash BYTEA PRIMARY KEY, -- hash
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    consumed_at BIGINT
);
CREATE INDEX enrolments_user ON enrolments (user_id);

CREATE TABLE credentials (
    id BYTEA PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    public_key BYTEA NOT NULL, -- sealed: COSE key
    label BYTEA NOT NULL, -- sealed
    aaguid BYTEA NOT NULL,
    transports TEXT NOT NULL,
    sign_count BIGINT NOT NULL,
    backup_eligible BIGINT NOT NULL,
    backed_up BIGINT NOT NULL,
    discoverable BIGINT,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX credentials_user ON credentials (user_id);

CREATE TABLE consumed_challenges (
    challenge_hash BYTEA PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    token_hash BYTEA NOT NULL UNIQUE, -- hash
    parent_id TEXT REFERENCES sessions (id) ON DELETE CASCADE, -- none for a portal session
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    host TEXT NOT NULL,
    service TEXT,
    amr TEXT NOT NULL,
    auth_time BIGINT NOT NULL,
    user_agent BYTEA NOT NULL, -- sealed
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX sessions_parent ON sessions (parent_id);
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE handoffs (
    code_hash BYTEA PRIMARY KEY, -- hash
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    service TEXT NOT NULL,
    host TEXT NOT NULL,
    challenge BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    consumed_at BIGINT
);

CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    alg TEXT NOT NULL,
    private_key BYTEA NOT NULL, -- sealed: PKCS #8
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);
CREATE UNIQUE INDEX signing_keys_active ON signing_keys (alg) WHERE retired_at IS NULL;

CREATE TABLE consents (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);

CREATE TABLE token_families (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    nonce BYTEA, -- sealed
    amr TEXT NOT NULL,
    auth_time BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX token_families_session ON token_families (session_id);

CREATE TABLE authorization_codes (
    code_hash BYTEA PRIMARY KEY, -- hash
    family_id TEXT NOT NULL REFERENCES token_families (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    code_challenge TEXT,
    expires_at BIGINT NOT NULL,
    consumed_at BIGINT
);

CREATE TABLE refresh_tokens (
    token_hash BYTEA PRIMARY KEY, -- hash
    family_id TEXT NOT NULL REFERENCES token_families (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    rotated_at BIGINT
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);

CREATE TABLE access_tokens (
    token_hash BYTEA PRIMARY KEY, -- hash
    family_id TEXT NOT NULL REFERENCES token_families (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);
CREATE INDEX access_tokens_family ON access_tokens (family_id);
