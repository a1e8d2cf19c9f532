//! Our own authority, whose root is made once and kept in the store.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use doorward_acme::{LocalRoot, Made};
use doorward_core::time::UnixTime;
use doorward_store::{Store, StoredChain};

/// Under which the root is stored, beside the certificates that it signs.
const ID: &str = "root";
/// Where people find the root that they install, in the data directory.
const FILE: &str = "local-authority.pem";

/// The local authority, made by whoever needs it first.
pub(super) async fn root(store: &Store, now: UnixTime) -> Result<LocalRoot, String> {
    let words = |error: doorward_store::StoreError| error.to_string();
    if let Some(root) = find(store).await? {
        return Ok(root);
    }
    let Made { chain, key } = LocalRoot::make(now)?;
    // Of several nodes that start together one wins: what is in the store counts, not what was made here.
    store
        .add_certificate_unless_present(ID, StoredChain { chain, key }, UnixTime(i64::MAX))
        .await
        .map_err(words)?;
    find(store).await?.ok_or_else(|| "the local authority was not stored".to_owned())
}

async fn find(store: &Store) -> Result<Option<LocalRoot>, String> {
    let rows = store.certificates().await.map_err(|error| error.to_string())?;
    let chain = rows.into_iter().find(|row| row.id == ID).and_then(|row| row.chain);
    chain.map(|chain| LocalRoot::from_made(&Made { chain: chain.chain, key: chain.key })).transpose()
}

/// Writes the root, which is no secret, where people find it.
pub(super) fn export(root: &LocalRoot, data_directory: &Path) {
    let file = data_directory.join(FILE);
    let text = pem(root.certificate());
    if std::fs::read_to_string(&file).is_ok_and(|found| found == text) {
        return;
    }
    match std::fs::write(&file, text) {
        Ok(()) => tracing::info!(
            file = %file.display(),
            "install this certificate where browsers shall believe the local authority"
        ),
        Err(error) => {
            tracing::error!(file = %file.display(), %error, "the local authority can't be written down");
        }
    }
}

/// RFC 7468.
fn pem(certificate: &[u8]) -> String {
    let encoded = STANDARD.encode(certificate);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}
