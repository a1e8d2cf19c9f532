//! Cloudflare's interface, version 4. The token needs the permissions to read zones and to edit their DNS.

use std::path::Path;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use serde_json::{Value, json};

use crate::http::Http;

/// How long others may remember the record, in seconds: the shortest that Cloudflare takes for all plans.
const TTL: u32 = 60;

pub(super) struct Cloudflare<'a> {
    api: &'a str,
    authorization: HeaderValue,
    http: &'a Http,
}

impl<'a> Cloudflare<'a> {
    pub(super) fn new(token_file: &Path, api: &'a str, http: &'a Http) -> Result<Self, String> {
        let token = super::read_secret(token_file)?;
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| format!("{} holds no token", token_file.display()))?;
        authorization.set_sensitive(true);
        Ok(Self { api: api.trim_end_matches('/'), authorization, http })
    }

    /// Adds a record; the path by which it is removed.
    pub(super) async fn present(&self, record: &str, value: &str) -> Result<String, String> {
        let zone = self.zone_of(record).await?;
        let body = json!({ "type": "TXT", "name": record, "content": format!("\"{value}\""), "ttl": TTL });
        let path = format!("/zones/{zone}/dns_records");
        let made = self.call(Method::POST, &path, Some(&body)).await?;
        let id = identifier(&made).ok_or("Cloudflare names no record")?;
        Ok(format!("{path}/{id}"))
    }

    pub(super) async fn clean_up(&self, path: &str) -> Result<(), String> {
        self.call(Method::DELETE, path, None).await.map(drop)
    }

    async fn zone_of(&self, record: &str) -> Result<String, String> {
        let mut candidate = record;
        while let Some((_, parent)) = candidate.split_once('.') {
            candidate = parent;
            let zones = self.call(Method::GET, &format!("/zones?name={candidate}"), None).await?;
            if let Some(id) = zones.get(0).and_then(identifier) {
                return Ok(id);
            }
        }
        Err(format!("the token sees no zone of {record}"))
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.api))
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string())))
            .map_err(|error| error.to_string())?;
        let answer = self.http.send(request).await?;
        let status = answer.status();
        let mut content: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        if status.is_success() && content["success"] == true {
            return Ok(content["result"].take());
        }
        let message = content["errors"][0]["message"].as_str().unwrap_or("no reason given");
        Err(format!("Cloudflare answers {}: {message}", status.as_u16()))
    }
}

/// An identifier becomes part of a path, so it must be what Cloudflare's are.
fn identifier(value: &Value) -> Option<String> {
    let id = value["id"].as_str()?;
    id.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| id.to_owned())
}
