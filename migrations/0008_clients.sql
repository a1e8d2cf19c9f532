-- Clients that administrators register. See 0001_init.sql for the types and for what "sealed" means.

CREATE TABLE clients (
    id TEXT PRIMARY KEY, -- the client_id
    registration BYTEA NOT NULL, -- sealed: names, addresses, choices
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);

CREATE TABLE client_groups (
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    group_id TEXT NOT NULL, -- a group that is renamed is another row with the same identifier
    PRIMARY KEY (client_id, group_id)
);
CREATE INDEX client_groups_group ON client_groups (group_id);

CREATE TABLE client_secrets (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    prefix TEXT NOT NULL, -- the first characters, by which people tell them apart
    hash BYTEA, -- hash
    slow_hash BYTEA, -- sealed: bcrypt, from elsewhere, until its first use
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX client_secrets_client ON client_secrets (client_id);
