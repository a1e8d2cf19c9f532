//! Obtaining one certificate, from whoever makes it.

use std::{collections::HashMap, time::Duration};

use doorward_acme::{
    Authority, BoxFuture, Failure, Made, Order, Proof, ProofKind, Publisher, Renewal, handshake_answer,
};
use doorward_core::{
    certificate::{Facts, Wanted},
    config::{Acme, Challenge},
    time::{Lifetime, UnixTime},
};
use doorward_proxy::certificates::Answers;
use doorward_store::{Store, StoreError, StoredProof};

use super::{Keeper, held};

/// How long an answer is given at most; it is withdrawn as soon as the order is over.
const PROOF: Lifetime = Lifetime::minutes(20);
/// How long other nodes may take to learn of an answer.
const OTHER_NODES: Duration = Duration::from_millis(1500);

/// The authority, with the account that this installation has there.
pub(super) async fn authority(acme: &Acme, store: &Store, now: UnixTime) -> Result<Authority, Failure> {
    let words = |error: StoreError| error.to_string();
    let directory = acme.directory.as_str();
    let stored = store.acme_account(directory).await.map_err(words)?;
    let (authority, new) = Authority::open(acme, stored.as_deref()).await?;
    let Some(credentials) = new else {
        return Ok(authority);
    };
    if store.add_acme_account_unless_present(directory, &credentials, now).await.map_err(words)? {
        tracing::info!(directory, "an account was made at the authority");
        return Ok(authority);
    }
    // Another node was quicker: its account is the one.
    let stored = store.acme_account(directory).await.map_err(words)?;
    Ok(Authority::open(acme, stored.as_deref()).await?.0)
}

/// A certificate by ACME, and when the authority wants it renewed.
pub(super) async fn by_acme(
    asked: &Asked<'_>,
    keeper: &Keeper,
    now: UnixTime,
) -> Result<(Made, Option<Renewal>), Failure> {
    let authority = authority(asked.acme, keeper.store(), now).await?;
    let publisher = Nodes { keeper, now };
    let challenge = challenge_for(asked);
    let order =
        Order { acme: asked.acme, wanted: asked.wanted, challenge, replaces: asked.replaces.as_ref(), now };
    let made = authority.obtain(&order, &publisher).await?;
    let renewal = match held::usable(made.clone()) {
        Ok((_, facts)) => authority.renewal(&facts).await,
        Err(cause) => return Err(format!("the certificate that came can't be used: {cause}").into()),
    };
    Ok((made, renewal))
}

/// What is asked for, and how.
pub(super) struct Asked<'a> {
    pub(super) acme: &'a Acme,
    pub(super) wanted: &'a Wanted,
    pub(super) replaces: Option<Facts>,
    /// How often it failed in a row.
    pub(super) failures: u32,
}

/// A wildcard has one way; other names try the ways that there are in turn.
fn challenge_for(asked: &Asked<'_>) -> Challenge {
    if asked.wanted.has_wildcard() {
        return Challenge::Dns01;
    }
    let ways = &asked.acme.challenges;
    let turn = usize::try_from(asked.failures).unwrap_or(0) % ways.len().max(1);
    ways.get(turn).copied().unwrap_or(Challenge::TlsAlpn01)
}

/// Publishes answers through the store, so that every node gives them.
struct Nodes<'a> {
    keeper: &'a Keeper,
    now: UnixTime,
}

impl Publisher for Nodes<'_> {
    fn publish(&self, proofs: Vec<Proof>) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let proofs = proofs.into_iter().map(stored).collect();
            let store = self.keeper.store();
            let published = store.publish_proofs(proofs, self.now.after(PROOF)).await;
            published.map_err(|error| error.to_string())?;
            // This node answers from here on.
            self.keeper.refresh().await.map_err(|error| error.to_string())?;
            if store.is_shared() {
                tokio::time::sleep(OTHER_NODES).await;
            }
            Ok(())
        })
    }

    fn withdraw(&self, proofs: Vec<Proof>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let withdrawn =
                self.keeper.store().withdraw_proofs(proofs.into_iter().map(stored).collect()).await;
            if let Err(error) = withdrawn {
                tracing::warn!(%error, "answers for an authority were not withdrawn; they expire");
            }
        })
    }
}

fn stored(proof: Proof) -> StoredProof {
    let kind = match proof.kind {
        ProofKind::Http => Challenge::Http01.as_str(),
        ProofKind::Handshake => Challenge::TlsAlpn01.as_str(),
    };
    let Proof { token, host, key_authorization, .. } = proof;
    StoredProof { token, host, kind: kind.to_owned(), key_authorization }
}

/// What listeners answer, from what is published.
pub(super) fn answers(proofs: Vec<StoredProof>, now: UnixTime) -> Answers {
    let mut answers = Answers { tokens: HashMap::new(), handshakes: HashMap::new() };
    for proof in proofs {
        if proof.kind == Challenge::Http01.as_str() {
            answers.tokens.insert(proof.token, proof.key_authorization);
            continue;
        }
        match handshake_answer(&proof.host, &proof.key_authorization, now).and_then(held::answering) {
            Ok(certificate) => drop(answers.handshakes.insert(proof.host, certificate)),
            Err(cause) => {
                tracing::error!(host = proof.host, "no answer for the authority can be made: {cause}");
            }
        }
    }
    answers
}
