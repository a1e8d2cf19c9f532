//! Records of DNS-01 (RFC 8555 section 8.4): written, waited for, and removed.

mod acme_dns;
mod alias;
mod cloudflare;
mod exec;
mod message;
mod resolver;
mod tsig;
mod update;

use std::{net::SocketAddr, path::Path, time::Duration};

use doorward_core::{
    config::{Dns, DnsProvider},
    time::UnixTime,
};

pub(crate) use self::alias::target;
use crate::http::Http;

/// The first wait between two looks at a record; each further one is twice as long, up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A record that was written.
pub(crate) struct Presented {
    /// Its name.
    pub(crate) record: String,
    value: String,
    dns: Dns,
    /// What the provider needs to remove it again.
    handle: String,
}

/// Writes a record.
pub(crate) async fn present(
    dns: &Dns,
    http: &Http,
    record: &str,
    value: &str,
    now: UnixTime,
) -> Result<Presented, String> {
    let handle = match &dns.provider {
        DnsProvider::Cloudflare { token_file, api } => {
            cloudflare::Cloudflare::new(token_file, api, http)?.present(record, value).await?
        }
        DnsProvider::Rfc2136 { server, key_name, algorithm, key_file } => {
            let key = tsig::Key::read(key_name, *algorithm, key_file)?;
            update::add(*server, &key, record, value, now).await?
        }
        DnsProvider::AcmeDns { server, accounts_file } => {
            acme_dns::present(http, server, accounts_file, record, value).await?;
            String::new()
        }
        DnsProvider::Exec { command } => {
            exec::run(command, "present", record, value).await?;
            String::new()
        }
    };
    Ok(Presented { record: record.to_owned(), value: value.to_owned(), dns: dns.clone(), handle })
}

/// Removes a record.
pub(crate) async fn clean_up(presented: Presented, http: &Http, now: UnixTime) -> Result<(), String> {
    let Presented { record, value, dns, handle } = presented;
    match &dns.provider {
        DnsProvider::Cloudflare { token_file, api } => {
            cloudflare::Cloudflare::new(token_file, api, http)?.clean_up(&handle).await
        }
        DnsProvider::Rfc2136 { server, key_name, algorithm, key_file } => {
            let key = tsig::Key::read(key_name, *algorithm, key_file)?;
            update::remove(*server, &key, (&handle, &record, &value), now).await
        }
        // It keeps the last two values and has no way to remove one.
        DnsProvider::AcmeDns { .. } => Ok(()),
        DnsProvider::Exec { command } => exec::run(command, "cleanup", &record, &value).await,
    }
}

/// Waits until every server that is asked shows the record.
pub(crate) async fn wait_until_visible(presented: &Presented) -> Result<(), String> {
    let Presented { record, value, dns, .. } = presented;
    let servers = servers(dns, record).await;
    let waiting = async {
        let mut wait = FIRST_WAIT;
        loop {
            let mut missing = None;
            for server in &servers {
                if !resolver::texts(*server, record).await.is_ok_and(|texts| texts.contains(value)) {
                    missing = Some(*server);
                    break;
                }
            }
            if missing.is_none() {
                return;
            }
            tracing::debug!(record, server = ?missing, "the record is not visible yet");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    };
    let limit = Duration::from_secs(u64::from(dns.wait.0));
    tokio::time::timeout(limit, waiting).await.map_err(|_| {
        let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
        format!(
            "{record} is not visible after {} s at {}; set `wait` or `resolvers`",
            dns.wait.0,
            servers.join(", ")
        )
    })
}

/// Who is asked whether a record is visible.
async fn servers(dns: &Dns, record: &str) -> Vec<SocketAddr> {
    match &dns.provider {
        _ if !dns.resolvers.is_empty() => dns.resolvers.clone(),
        DnsProvider::Rfc2136 { server, .. } => vec![*server],
        _ => resolver::responsible(record).await,
    }
}

/// Reads a file that holds one secret.
fn read_secret(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("{} can't be read: {error}", file.display()))?;
    let secret = text.trim();
    if secret.is_empty() || secret.contains(char::is_whitespace) {
        return Err(format!("{} must hold one secret alone", file.display()));
    }
    Ok(secret.to_owned())
}

#[cfg(test)]
mod tests;
