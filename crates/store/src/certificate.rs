//! Certificates, the accounts at their authorities, the answers to an authority's questions, and who asks for what.

use doorward_core::time::UnixTime;

use crate::{
    db::{Row, Tx, Value},
    error::StoreError,
    store::Store,
    vault::{Column, Vault},
};

const KEY: Column = Column { table: "certificates", column: "private_key" };
const CHAIN: Column = Column { table: "certificates", column: "chain" };
const CREDENTIALS: Column = Column { table: "acme_accounts", column: "credentials" };

/// A chain and its key.
#[derive(Clone)]
pub struct StoredChain {
    /// The chain in DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// The private key, PKCS #8.
    pub key: Vec<u8>,
}

/// What is known about a certificate.
#[derive(Clone)]
pub struct StoredCertificate {
    /// Issuer and names.
    pub id: String,
    /// The certificate; `None` before the first one was obtained.
    pub chain: Option<StoredChain>,
    /// When to renew it.
    pub renew_at: Option<UnixTime>,
    /// Failures in a row.
    pub failures: u32,
    /// Not to be tried before.
    pub attempt_at: Option<UnixTime>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// The answer to a question of an authority.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredProof {
    /// The question.
    pub token: String,
    /// The host that is asked about.
    pub host: String,
    /// Where it is asked.
    pub kind: String,
    /// The answer.
    pub key_authorization: String,
}

impl Store {
    /// Everything that is known about certificates.
    pub async fn certificates(&self) -> Result<Vec<StoredCertificate>, StoreError> {
        const SQL: &str = "SELECT id, chain, private_key, renew_at, failures, attempt_at, last_error \
                           FROM certificates ORDER BY id";
        let vault = self.vault.clone();
        self.db.read(move |tx| tx.query(SQL, &[])?.iter().map(|row| certificate(row, &vault)).collect()).await
    }

    /// Stores a certificate that was obtained; its failures are over.
    pub async fn save_certificate(
        &self,
        id: &str,
        chain: StoredChain,
        renew_at: UnixTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO certificates (id, chain, private_key, renew_at, failures) \
                           VALUES ($1, $2, $3, $4, 0) ON CONFLICT (id) DO UPDATE SET chain = $2, private_key = $3, \
                           renew_at = $4, failures = 0, attempt_at = NULL, last_error = NULL";
        let (id, vault) = (id.to_owned(), self.vault.clone());
        self.tell_nodes(move |tx| {
            let params: [Value; 4] = columns(&id, &chain, renew_at, &vault);
            tx.execute(SQL, &params).map(drop)
        })
        .await
    }

    /// Stores a certificate unless there is one: of several nodes that make it at once, one wins.
    pub async fn add_certificate_unless_present(
        &self,
        id: &str,
        chain: StoredChain,
        renew_at: UnixTime,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO certificates (id, chain, private_key, renew_at, failures) \
                           VALUES ($1, $2, $3, $4, 0) ON CONFLICT DO NOTHING";
        let (id, vault) = (id.to_owned(), self.vault.clone());
        self.tell_nodes(move |tx| tx.wins(SQL, &columns(&id, &chain, renew_at, &vault))).await
    }

    /// Notes that there is no certificate, or no new one, and why.
    pub async fn note_certificate_failure(
        &self,
        id: &str,
        reason: &str,
        attempt_at: UnixTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO certificates (id, failures, attempt_at, last_error) VALUES ($1, 1, $2, $3) \
                           ON CONFLICT (id) DO UPDATE SET failures = certificates.failures + 1, attempt_at = $2, \
                           last_error = $3";
        let params: [Value; 3] = [id.into(), attempt_at.0.into(), reason.into()];
        self.tell_nodes(move |tx| tx.execute(SQL, &params).map(drop)).await
    }

    /// Changes when a certificate is renewed.
    pub async fn reschedule_certificate(&self, id: &str, renew_at: UnixTime) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE certificates SET renew_at = $2 WHERE id = $1";
        let params: [Value; 2] = [id.into(), renew_at.0.into()];
        self.tell_nodes(move |tx| tx.execute(SQL, &params).map(drop)).await
    }

    /// The account at an authority.
    pub async fn acme_account(&self, directory: &str) -> Result<Option<Vec<u8>>, StoreError> {
        const SQL: &str = "SELECT credentials FROM acme_accounts WHERE directory = $1";
        let (directory, vault) = (directory.to_owned(), self.vault.clone());
        self.db
            .read(move |tx| {
                let row = tx.optional(SQL, &[directory.as_str().into()])?;
                row.map(|row| vault.open(CREDENTIALS, directory.as_bytes(), row.bytes(0)?)).transpose()
            })
            .await
    }

    /// Stores an account unless the authority has one: of several nodes that make one at once, one wins.
    pub async fn add_acme_account_unless_present(
        &self,
        directory: &str,
        credentials: &[u8],
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO acme_accounts (directory, credentials, created_at) VALUES ($1, $2, $3) \
                           ON CONFLICT DO NOTHING";
        let sealed = self.vault.seal(CREDENTIALS, directory.as_bytes(), credentials);
        let params: [Value; 3] = [directory.into(), sealed.into(), now.0.into()];
        self.db.write(move |tx| tx.wins(SQL, &params)).await
    }

    /// Forgets an account that its authority does not know any more.
    pub async fn forget_acme_account(&self, directory: &str) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM acme_accounts WHERE directory = $1";
        let params: [Value; 1] = [directory.into()];
        self.db.write(move |tx| tx.execute(SQL, &params).map(drop)).await
    }

    /// Has every node answer with these.
    pub async fn publish_proofs(
        &self,
        proofs: Vec<StoredProof>,
        expires_at: UnixTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO acme_proofs (token, host, kind, key_authorization, expires_at) \
                           VALUES ($1, $2, $3, $4, $5) ON CONFLICT (token, host) DO UPDATE SET kind = $3, \
                           key_authorization = $4, expires_at = $5";
        self.tell_nodes(move |tx| {
            for proof in &proofs {
                let StoredProof { token, host, kind, key_authorization } = proof;
                let texts = [token, host, kind, key_authorization].map(|text| Value::from(text.as_str()));
                let [token, host, kind, authorization] = texts;
                tx.execute(SQL, &[token, host, kind, authorization, expires_at.0.into()])?;
            }
            Ok(())
        })
        .await
    }

    /// Stops answering with these.
    pub async fn withdraw_proofs(&self, proofs: Vec<StoredProof>) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM acme_proofs WHERE token = $1 AND host = $2";
        self.tell_nodes(move |tx| {
            for proof in &proofs {
                tx.execute(SQL, &[proof.token.as_str().into(), proof.host.as_str().into()])?;
            }
            Ok(())
        })
        .await
    }

    /// What an authority is answered at the moment; at most a thousand.
    pub async fn proofs(&self, now: UnixTime) -> Result<Vec<StoredProof>, StoreError> {
        const SQL: &str = "SELECT token, host, kind, key_authorization FROM acme_proofs \
                           WHERE expires_at > $1 ORDER BY expires_at DESC LIMIT 1000";
        let read = |row: &Row| {
            let text = |at| row.text(at).map(str::to_owned);
            Ok(StoredProof { token: text(0)?, host: text(1)?, kind: text(2)?, key_authorization: text(3)? })
        };
        self.db.read(move |tx| tx.query(SQL, &[now.0.into()])?.iter().map(read).collect()).await
    }

    /// Takes a lease, or holds it longer. Whether it is `holder`'s until `until`.
    pub async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        now: UnixTime,
        until: UnixTime,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO leases (name, holder, expires_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO \
                           UPDATE SET holder = $2, expires_at = $3 WHERE leases.holder = $2 OR leases.expires_at <= $4";
        let params: [Value; 4] = [name.into(), holder.into(), until.0.into(), now.0.into()];
        self.db.write(move |tx| tx.wins(SQL, &params)).await
    }

    /// Gives back a lease of `holder`.
    pub async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM leases WHERE name = $1 AND holder = $2";
        let params: [Value; 2] = [name.into(), holder.into()];
        self.db.write(move |tx| tx.execute(SQL, &params).map(drop)).await
    }

    /// Gives back every lease of `holder`.
    pub async fn release_leases(&self, holder: &str) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM leases WHERE holder = $1";
        let params: [Value; 1] = [holder.into()];
        self.db.write(move |tx| tx.execute(SQL, &params).map(drop)).await
    }

    /// Gives back every lease of everybody, for who knows that nobody else is there: what a process that was killed held
    /// is free at once.
    pub async fn release_all_leases(&self) -> Result<(), StoreError> {
        self.db.write(|tx| tx.execute("DELETE FROM leases", &[]).map(drop)).await
    }

    /// A counter that rises whenever one of the methods here changed something that other nodes should know.
    pub async fn certificates_changed(&self) -> Result<i64, StoreError> {
        const SQL: &str = "SELECT number FROM meta WHERE key = 'certificates'";
        self.db.read(move |tx| tx.optional(SQL, &[])?.map_or(Ok(0), |row| row.integer(0))).await
    }

    /// Nodes follow the generation, so it rises too.
    async fn tell_nodes<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
    {
        self.change(move |tx| {
            tx.execute("UPDATE meta SET number = number + 1 WHERE key = 'certificates'", &[])?;
            work(tx)
        })
        .await
    }
}

fn columns(id: &str, chain: &StoredChain, renew_at: UnixTime, vault: &Vault) -> [Value; 4] {
    let sealed = vault.seal(KEY, id.as_bytes(), &chain.key);
    [id.into(), join(&chain.chain).into(), sealed.into(), renew_at.0.into()]
}

fn certificate(row: &Row, vault: &Vault) -> Result<StoredCertificate, StoreError> {
    let id = row.text(0)?.to_owned();
    let chain = match (row.optional_bytes(1)?, row.optional_bytes(2)?) {
        (Some(chain), Some(key)) => Some(StoredChain {
            chain: split(chain).ok_or(CHAIN.corrupt())?,
            key: vault.open(KEY, id.as_bytes(), key)?,
        }),
        (None, None) => None,
        _ => return Err(CHAIN.corrupt()),
    };
    let failures = u32::try_from(row.integer(4)?).unwrap_or(u32::MAX);
    let time = |at| Ok::<_, StoreError>(row.optional_integer(at)?.map(UnixTime));
    Ok(StoredCertificate {
        chain,
        renew_at: time(3)?,
        failures,
        attempt_at: time(5)?,
        last_error: row.optional_text(6)?.map(str::to_owned),
        id,
    })
}

fn join(chain: &[Vec<u8>]) -> Vec<u8> {
    let mut joined = Vec::new();
    for certificate in chain {
        joined.extend(u32::try_from(certificate.len()).unwrap_or(0).to_be_bytes());
        joined.extend(certificate);
    }
    joined
}

fn split(mut joined: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut chain = Vec::new();
    while let Some((length, rest)) = joined.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (certificate, rest) = rest.split_at_checked(length)?;
        chain.push(certificate.to_vec());
        joined = rest;
    }
    joined.is_empty().then_some(chain)
}
