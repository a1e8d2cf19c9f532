//! An acme-dns server: the challenge's name is an alias to a name there, whose text may be replaced and nothing else.

use std::path::Path;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use serde_json::{Value, json};

use crate::http::Http;

pub(super) async fn present(
    http: &Http,
    server: &str,
    accounts_file: &Path,
    record: &str,
    value: &str,
) -> Result<(), String> {
    let host = record.strip_prefix("_acme-challenge.").unwrap_or(record);
    let account = account(accounts_file, host)?;
    let field = |name: &str| {
        let text = account[name].as_str();
        text.ok_or_else(|| format!("{}: the account of {host} has no `{name}`", accounts_file.display()))
    };
    let secret = |name: &str| {
        let mut value = HeaderValue::try_from(field(name)?).map_err(|_| format!("`{name}` is no header"))?;
        value.set_sensitive(true);
        Ok::<_, String>(value)
    };
    let body = json!({ "subdomain": field("subdomain")?, "txt": value });
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{}/update", server.trim_end_matches('/')))
        .header(header::CONTENT_TYPE, "application/json")
        .header("X-Api-User", secret("username")?)
        .header("X-Api-Key", secret("password")?)
        .body(Bytes::from(body.to_string()))
        .map_err(|error| error.to_string())?;
    let answer = http.send(request).await?;
    if answer.status().is_success() {
        return Ok(());
    }
    Err(format!("the acme-dns server answers {} for {host}", answer.status().as_u16()))
}

/// The account of a host, or of the nearest name above it that has one.
fn account(file: &Path, host: &str) -> Result<Value, String> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{shown} can't be read: {error}"))?;
    let accounts: Value = serde_json::from_str(&text).map_err(|_| format!("{shown} is not JSON"))?;
    let account = accounts.get(host).filter(|account| account.is_object()).cloned();
    account.ok_or_else(|| {
        format!("{shown} has no account for {host}: register one, write it there, and make _acme-challenge.{host} an alias (CNAME) of its fulldomain")
    })
}
