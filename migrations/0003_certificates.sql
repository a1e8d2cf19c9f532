-- Certificates that this installation obtains or makes, and what goes with obtaining them. See 0001_init.sql for the
-- types and for what "sealed" means.

CREATE TABLE certificates (
    id TEXT PRIMARY KEY, -- issuer and names
    chain BYTEA, -- DER, each with its length; none before the first one was obtained
    private_key BYTEA, -- sealed: PKCS #8
    renew_at BIGINT,
    failures BIGINT NOT NULL, -- in a row, since the last success
    attempt_at BIGINT, -- not before
    last_error TEXT
);

CREATE TABLE acme_accounts (
    directory TEXT PRIMARY KEY,
    credentials BYTEA NOT NULL, -- sealed
    created_at BIGINT NOT NULL
);

-- What an authority is answered. It is told to whoever asks, so it is not sealed.
CREATE TABLE acme_proofs (
    token TEXT NOT NULL,
    host TEXT NOT NULL,
    kind TEXT NOT NULL,
    key_authorization TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (token, host)
);

-- Who does what one node alone should do.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

INSERT INTO meta (key, number) VALUES ('certificates', 0);
