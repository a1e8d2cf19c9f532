//! The steps that a person takes at the identity host, with its JSON endpoints.

#[cfg(test)]
mod tests;

use std::fmt;

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use serde_json::{Value, json};
use url::Url;

use crate::{
    client::{Client, Page, Request},
    passkey::Authenticator,
};

/// The error of a step that the identity host refused; `anyhow::Error::downcast_ref` finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The path of the endpoint.
    pub path: String,
    /// The status of its answer.
    pub status: StatusCode,
    /// `error` in its answer, such as `step_up_required`; empty if there is none.
    pub error: String,
    /// `message` in its answer; empty if there is none.
    pub message: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} was refused with {}: {} {}", self.path, self.status, self.error, self.message)
    }
}

impl std::error::Error for Refused {}

/// A person with a browser and an authenticator.
#[derive(Clone)]
pub struct Person {
    /// The browser.
    pub client: Client,
    /// The authenticator.
    pub authenticator: Authenticator,
    portal: Url,
}

impl Person {
    /// A person who knows the portal by its origin, such as `http://id.localhost:8080`.
    ///
    /// # Errors
    /// If that is no http or https address.
    pub fn new(client: Client, portal: &str) -> Result<Self> {
        let portal = Url::parse(portal).with_context(|| format!("{portal} is not an address."))?;
        ensure!(portal.origin().is_tuple(), "{portal} has no origin.");
        Ok(Self { client, authenticator: Authenticator::new(), portal })
    }

    /// The origin of the portal.
    pub fn portal(&self) -> String {
        self.portal.origin().ascii_serialization()
    }

    /// Opens the set-up link and makes the first administrator with a passkey. Returns where the portal sends them.
    ///
    /// # Errors
    /// [`Refused`] if the page or an endpoint says no; others if a request or the authenticator fails.
    pub async fn set_up(&mut self, link: &str, username: &str, display_name: &str) -> Result<Url> {
        let token = self.open_link(link, "/setup/").await?;
        let start = json!({ "token": token, "username": username, "display_name": display_name });
        let answer = self.register("/api/setup", &start).await?;
        self.next(&answer)
    }

    /// Opens an enrolment link and adds a passkey to its person. Returns where the portal sends them.
    ///
    /// # Errors
    /// As [`Person::set_up`].
    pub async fn enrol(&mut self, link: &str) -> Result<Url> {
        let token = self.open_link(link, "/enrol/").await?;
        let answer = self.register("/api/enrol", &json!({ "token": token })).await?;
        self.next(&answer)
    }

    /// Signs in with the newest passkey. `return_to` is what the sign-in page has in its query. Returns where the
    /// portal sends them.
    ///
    /// # Errors
    /// As [`Person::set_up`].
    pub async fn sign_in(&mut self, return_to: Option<&str>) -> Result<Url> {
        let answer = self.post("/api/login/start", &json!({ "fresh": "1" })).await?;
        let credential = self.authenticator.get(&self.portal(), options(&answer)?)?;
        let mut finish = json!({ "credential": credential });
        if let Some(return_to) = return_to {
            finish["return_to"] = return_to.into();
        }
        let answer = self.post("/api/login/finish", &finish).await?;
        self.next(&answer)
    }

    /// Adds a passkey of the person's authenticator to their account. It fails if the authenticator already holds
    /// one that the portal excludes, as it should: see [`Person::add_passkey_of`].
    ///
    /// # Errors
    /// As [`Person::set_up`]; [`Refused`] with `step_up_required` if the sign-in is too old.
    pub async fn add_passkey(&mut self) -> Result<Value> {
        self.register("/api/passkeys", &json!({})).await
    }

    /// Adds a passkey of another authenticator to the account. Returns the answer of the finish endpoint.
    ///
    /// # Errors
    /// As [`Person::add_passkey`].
    pub async fn add_passkey_of(&mut self, other: &mut Authenticator) -> Result<Value> {
        std::mem::swap(&mut self.authenticator, other);
        let answer = self.add_passkey().await;
        std::mem::swap(&mut self.authenticator, other);
        answer
    }

    /// Opens an address and follows redirects, to the sign-in page if that is where they lead.
    ///
    /// # Errors
    /// As [`Client::navigate`].
    pub async fn open(&mut self, url: &str) -> Result<Page> {
        self.client.navigate(url).await
    }

    /// Opens an address; if that leads to the sign-in page, signs in there and goes where the portal sends them.
    /// The chain of the page is the one after the sign-in.
    ///
    /// # Errors
    /// As [`Person::sign_in`], and if the sign-in page is shown again after the sign-in.
    pub async fn open_signed_in(&mut self, url: &str) -> Result<Page> {
        let page = self.open(url).await?;
        if !self.is_sign_in_page(&page.url) {
            return Ok(page);
        }
        let return_to = page.query("return_to");
        let next = self.sign_in(return_to.as_deref()).await?;
        let page = self.client.navigate_from(&self.portal(), next.as_str()).await?;
        ensure!(
            !self.is_sign_in_page(&page.url),
            "After the sign-in, {url} leads to the sign-in page again."
        );
        Ok(page)
    }

    /// Presses "Sign out" on the portal and follows its redirect.
    ///
    /// # Errors
    /// If a request fails; the status of the page is the caller's to judge.
    pub async fn sign_out(&mut self) -> Result<Page> {
        let url = self.portal.join("/sign-out")?;
        self.client.run(Request::form(url.as_str(), &[])?).await
    }

    /// Whether this is the portal's sign-in page.
    pub fn is_sign_in_page(&self, url: &Url) -> bool {
        url.origin() == self.portal.origin() && url.path() == "/login"
    }

    /// Opens a link and returns the token at its end.
    async fn open_link(&mut self, link: &str, prefix: &str) -> Result<String> {
        let url = Url::parse(link).with_context(|| format!("{link} is not an address."))?;
        ensure!(url.origin() == self.portal.origin(), "{link} is not on the portal.");
        let token = url.path().strip_prefix(prefix).filter(|token| !token.is_empty());
        let token = token.with_context(|| format!("{link} is not a link to {prefix}."))?.to_owned();
        let page = self.open(link).await?;
        if !page.status.is_success() {
            return Err(refusal(&page).into());
        }
        Ok(token)
    }

    /// Runs a registration ceremony at the two endpoints below `base`.
    async fn register(&mut self, base: &str, start: &Value) -> Result<Value> {
        let answer = self.post(&format!("{base}/start"), start).await?;
        let credential = self.authenticator.create(&self.portal(), options(&answer)?)?;
        self.post(&format!("{base}/finish"), &json!({ "credential": credential })).await
    }

    /// Posts to the portal; anything but success with JSON is an error.
    async fn post(&mut self, path: &str, value: &Value) -> Result<Value> {
        let url = self.portal.join(path)?;
        let page = self.client.post_json(url.as_str(), value).await?;
        if !page.status.is_success() {
            return Err(refusal(&page).into());
        }
        if page.body.is_empty() { Ok(Value::Null) } else { page.json() }
    }

    /// `next` of an answer: a path of the portal or an address.
    fn next(&self, answer: &Value) -> Result<Url> {
        let next = answer.get("next").and_then(Value::as_str).context("The answer has no next address.")?;
        self.portal.join(next).with_context(|| format!("The next address can't be read: {next}."))
    }
}

fn options(answer: &Value) -> Result<&Value> {
    answer.get("publicKey").context("The answer of the start endpoint has no publicKey.")
}

fn refusal(page: &Page) -> Refused {
    let body = page.json().unwrap_or_default();
    let field = |name| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Refused {
        path: page.url.path().to_owned(),
        status: page.status,
        error: field("error"),
        message: field("message"),
    }
}
