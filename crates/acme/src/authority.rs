//! Orders (RFC 8555 section 7.4): the account, the proofs, the certificate.

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use doorward_core::{
    certificate::{Facts, Wanted, Window},
    config::{Acme, Challenge, ExternalAccount},
    time::{Lifetime, UnixTime},
};
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error,
    ExternalAccountKey, Identifier, NewAccount, NewOrder, OrderStatus, RetryPolicy,
};
use rustls::pki_types::Der;
use std::time::Duration;

use crate::{
    BoxFuture, chain,
    dns::{self, Presented},
    http::Http,
    made::{self, Made},
};

/// How an authority's slowness is waited out: it looks at every name before an order is ready.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_mins(3));

/// The type of a refusal of somebody who asks too often (RFC 8555 section 6.7).
const RATE_LIMITED: &str = "urn:ietf:params:acme:error:rateLimited";
/// The shortest and the longest time between two questions when to renew, in seconds (RFC 9773 section 4.3.2).
const ASK_AGAIN: (u64, u64) = (60, 86_400);

/// Why there is no certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// A sentence for people.
    pub reason: String,
    /// Seconds that the authority asked to wait.
    pub retry_after: Option<u32>,
    /// Whether the authority does not know the account any more, so that another must be made.
    pub account_unknown: bool,
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self { reason, retry_after: None, account_unknown: false }
    }
}

/// What proves over HTTP or TLS that a host is ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    /// Where it is asked for.
    pub kind: ProofKind,
    /// The host.
    pub host: String,
    /// The name of the question.
    pub token: String,
    /// The answer (section 8.1). Whoever asks gets it: it is no secret.
    pub key_authorization: String,
}

/// Where a proof is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProofKind {
    /// On port 80.
    Http,
    /// In a handshake.
    Handshake,
}

/// Answers the authority's questions over HTTP and TLS, on every node.
pub trait Publisher: Send + Sync {
    /// Answers with these from now on. Returns when every node does.
    fn publish(&self, proofs: Vec<Proof>) -> BoxFuture<'_, Result<(), String>>;
    /// Stops answering with them.
    fn withdraw(&self, proofs: Vec<Proof>) -> BoxFuture<'_, ()>;
}

/// When the authority wants a certificate renewed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Renewal {
    /// When.
    pub window: Window,
    /// How long it need not be asked again.
    pub ask_again_after: Lifetime,
}

/// An authority, with our account there.
pub struct Authority {
    account: Account,
    http: Http,
}

/// What is asked of an authority.
pub struct Order<'a> {
    /// How it is asked.
    pub acme: &'a Acme,
    /// What for.
    pub wanted: &'a Wanted,
    /// How the names are proved to be ours.
    pub challenge: Challenge,
    /// The certificate that the new one stands in for (RFC 9773 section 5).
    pub replaces: Option<&'a Facts>,
    /// The time.
    pub now: UnixTime,
}

impl Authority {
    /// Takes the account that was stored, or makes one. With a new one comes what to store.
    ///
    /// # Errors
    /// The authority can't be reached, or refuses.
    pub async fn open(acme: &Acme, stored: Option<&[u8]>) -> Result<(Self, Option<Vec<u8>>), Failure> {
        let http = Http::new(acme.ca_file.as_deref())?;
        let builder = Account::builder_with_http(Box::new(http.clone()));
        if let Some(stored) = stored {
            let credentials = serde_json::from_slice::<AccountCredentials>(stored)
                .map_err(|_| "the stored account can't be read".to_owned())?;
            let account = builder.from_credentials(credentials).await;
            return account
                .map(|account| (Self { account, http: http.clone() }, None))
                .map_err(|e| failure(&e, &http));
        }
        let external = acme.external_account.as_ref().map(external_key).transpose()?;
        let contact = acme.email.as_ref().map(|email| format!("mailto:{email}"));
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let new =
            NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let made = builder.create(&new, acme.directory.clone(), external.as_ref()).await;
        let (account, credentials) = made.map_err(|error| failure(&error, &http))?;
        let credentials = serde_json::to_vec(&credentials).map_err(|error| error.to_string())?;
        Ok((Self { account, http }, Some(credentials)))
    }

    /// When the authority wants this certificate renewed (RFC 9773); `None` when it does not say.
    pub async fn renewal(&self, facts: &Facts) -> Option<Renewal> {
        let identifier = identifier(facts)?;
        let (info, wait) = self.account.renewal_info(&identifier).await.ok()?;
        if let Some(why) = &info.explanation_url {
            tracing::info!(why, "the authority says why it wants a certificate renewed then");
        }
        let time = |moment: time::OffsetDateTime| UnixTime(moment.unix_timestamp());
        let window =
            Window { start: time(info.suggested_window.start), end: time(info.suggested_window.end) };
        // A moment has passed since the library read the header.
        let wait = wait.saturating_add(Duration::from_millis(999)).as_secs().clamp(ASK_AGAIN.0, ASK_AGAIN.1);
        Some(Renewal { window, ask_again_after: Lifetime(u32::try_from(wait).unwrap_or(u32::MAX)) })
    }

    /// Obtains a certificate.
    ///
    /// # Errors
    /// Why there is none. What was published is withdrawn in any case.
    pub async fn obtain(&self, order: &Order<'_>, publisher: &dyn Publisher) -> Result<Made, Failure> {
        let mut proofs =
            Proofs { order, http: &self.http, publisher, published: Vec::new(), presented: Vec::new() };
        let obtained = self.attempt(order, &mut proofs).await;
        proofs.withdraw().await;
        obtained
    }

    async fn attempt(&self, order: &Order<'_>, proofs: &mut Proofs<'_>) -> Result<Made, Failure> {
        let failed = |error: Error| failure(&error, &self.http);
        let mut placed = self.place(order).await.map_err(failed)?;
        let kind = challenge_type(order.challenge);
        let mut questions = Vec::new();
        let mut authorizations = placed.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(failed)?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let host = plain_name(authorization.identifier().identifier);
            let challenge = authorization.challenge(kind.clone()).ok_or_else(|| {
                format!(
                    "the authority takes no {} for {host}; choose another `challenge`",
                    order.challenge.as_str()
                )
            })?;
            let authorization = challenge.key_authorization();
            questions.push(Question {
                host,
                token: challenge.token.clone(),
                dns_value: authorization.dns_value(),
                key_authorization: authorization.as_str().to_owned(),
            });
        }
        proofs.publish(questions).await?;
        let mut authorizations = placed.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(failed)?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            if let Some(mut challenge) = authorization.challenge(kind.clone()) {
                challenge.set_ready().await.map_err(failed)?;
            }
        }
        if placed.poll_ready(&PATIENCE).await.map_err(failed)? != OrderStatus::Ready {
            return Err(why_invalid(&mut placed).await.into());
        }
        let (request, key) = made::request(&order.wanted.names)?;
        placed.finalize_csr(&request).await.map_err(failed)?;
        let first = placed.poll_certificate(&PATIENCE).await.map_err(failed)?;
        let chain = self.chain(chain::parse(first.as_bytes())?, order.acme).await;
        Ok(Made { chain, key })
    }

    async fn chain(&self, first: Vec<Vec<u8>>, acme: &Acme) -> Vec<Vec<u8>> {
        let offered = self.http.take_chain().map(|(_, offered)| offered).unwrap_or_default();
        match &acme.preferred_chain {
            Some(preferred) => chain::choose(&self.account, &self.http, (first, offered), preferred).await,
            None => first,
        }
    }

    /// Places the order. An authority that refuses to see it as a renewal is asked for a new certificate.
    async fn place(&self, order: &Order<'_>) -> Result<instant_acme::Order, Error> {
        let names: Vec<Identifier> = order.wanted.names.iter().cloned().map(Identifier::Dns).collect();
        if let Some(replaces) = order.replaces.and_then(identifier) {
            match self.account.new_order(&NewOrder::new(&names).replaces(replaces)).await {
                // Another order would be one too many.
                Err(Error::Api(problem)) if problem.r#type.as_deref() == Some(RATE_LIMITED) => {
                    return Err(Error::Api(problem));
                }
                // An authority without renewals (RFC 9773) has nothing to refuse.
                Err(Error::Unsupported(_)) => {}
                // Refused, or not understood. A certificate matters more than what it is called.
                Err(error) => tracing::info!("the order is no renewal for the authority: {error}"),
                placed => return placed,
            }
        }
        self.account.new_order(&NewOrder::new(&names)).await
    }
}

struct Question {
    host: String,
    token: String,
    dns_value: String,
    key_authorization: String,
}

/// What was published for an order.
struct Proofs<'a> {
    order: &'a Order<'a>,
    http: &'a Http,
    publisher: &'a dyn Publisher,
    published: Vec<Proof>,
    presented: Vec<Presented>,
}

impl Proofs<'_> {
    async fn publish(&mut self, questions: Vec<Question>) -> Result<(), String> {
        let kind = match self.order.challenge {
            Challenge::Http01 => ProofKind::Http,
            Challenge::TlsAlpn01 => ProofKind::Handshake,
            Challenge::Dns01 => return self.present(questions).await,
        };
        self.published = questions
            .into_iter()
            .map(|Question { host, token, key_authorization, .. }| Proof {
                kind,
                host,
                token,
                key_authorization,
            })
            .collect();
        self.publisher.publish(self.published.clone()).await
    }

    async fn present(&mut self, questions: Vec<Question>) -> Result<(), String> {
        for question in questions {
            let dns = self.order.acme.dns_for(&question.host).ok_or_else(|| {
                format!("no `[acme.dns]` is for {}: name its zone in `zones`", question.host)
            })?;
            let record = format!("_acme-challenge.{}", question.host);
            let target = dns::target(dns, &record).await;
            // Who is named for the zone where the alias leads writes there.
            let named = self.order.acme.dns_for(&target).filter(|dns| !dns.zones.is_empty());
            let dns = if target == record { dns } else { named.unwrap_or(dns) };
            let record = target;
            let presented = dns::present(dns, self.http, &record, &question.dns_value, self.order.now).await;
            self.presented.push(presented.map_err(|cause| format!("{record} can't be written: {cause}"))?);
        }
        // All are written before any is waited for.
        for presented in &self.presented {
            dns::wait_until_visible(presented).await?;
        }
        Ok(())
    }

    async fn withdraw(self) {
        if !self.published.is_empty() {
            self.publisher.withdraw(self.published).await;
        }
        for presented in self.presented {
            let record = presented.record.clone();
            if let Err(cause) = dns::clean_up(presented, self.http, self.order.now).await {
                tracing::warn!(record, "a record of a challenge could not be removed: {cause}");
            }
        }
    }
}

fn identifier(facts: &Facts) -> Option<CertificateIdentifier<'static>> {
    let authority_key = facts.authority_key.as_deref()?;
    let identifier =
        CertificateIdentifier::new(Der::from_slice(authority_key), Der::from_slice(&facts.serial));
    Some(identifier.into_owned())
}

fn plain_name(identifier: &Identifier) -> String {
    match identifier {
        Identifier::Dns(name) => name.clone(),
        other => format!("{other:?}"),
    }
}

const fn challenge_type(challenge: Challenge) -> ChallengeType {
    match challenge {
        Challenge::Http01 => ChallengeType::Http01,
        Challenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
        Challenge::Dns01 => ChallengeType::Dns01,
    }
}

/// What the authority found when it looked at the names.
async fn why_invalid(order: &mut instant_acme::Order) -> String {
    let mut reasons = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        let name = plain_name(state.identifier().identifier);
        let errors = state.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
        reasons.extend(errors.map(|error| format!("{name}: {error}")));
    }
    if reasons.is_empty() { "the authority did not accept a proof".to_owned() } else { reasons.join("; ") }
}

fn failure(error: &Error, http: &Http) -> Failure {
    let problem = match error {
        Error::Api(problem) => problem.r#type.as_deref(),
        _ => None,
    };
    Failure {
        reason: error.to_string(),
        retry_after: http.retry_after(),
        account_unknown: problem == Some("urn:ietf:params:acme:error:accountDoesNotExist"),
    }
}

/// Reads the key of an account that was made elsewhere: base64url, as authorities hand it out; padding does not matter.
fn external_key(external: &ExternalAccount) -> Result<ExternalAccountKey, String> {
    let shown = external.key_file.display();
    let text = std::fs::read_to_string(&external.key_file)
        .map_err(|error| format!("the key {shown} can't be read: {error}"))?;
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&base64::alphabet::URL_SAFE, lenient);
    let key = engine.decode(text.trim().replace('+', "-").replace('/', "_"));
    let key = key.map_err(|_| format!("the key {shown} is not base64url"))?;
    Ok(ExternalAccountKey::new(external.key_id.clone(), &key))
}
