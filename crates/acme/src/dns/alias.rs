//! Challenges that are delegated: `_acme-challenge` of a host may be an alias (CNAME) of a name in another zone, where
//! records may be changed without a key to the host's own zone. An authority follows it, so what is written must be there.

use std::net::SocketAddr;

use doorward_core::config::{Dns, DnsProvider};

use super::resolver;

/// Aliases of aliases that are followed.
const ALIASES: usize = 8;

/// The name where a record belongs.
pub(crate) async fn target(dns: &Dns, record: &str) -> String {
    let servers = match &dns.provider {
        // The alias is how acme-dns works at all: the account of the host knows its target.
        DnsProvider::AcmeDns { .. } => return record.to_owned(),
        _ if !dns.resolvers.is_empty() => dns.resolvers.clone(),
        DnsProvider::Rfc2136 { server, .. } => [vec![*server], resolver::system_resolvers()].concat(),
        _ => resolver::system_resolvers(),
    };
    follow(&servers, record).await
}

async fn follow(servers: &[SocketAddr], record: &str) -> String {
    let mut name = record.to_owned();
    for _ in 0..ALIASES {
        match resolver::alias(servers, &name).await {
            Some(next) => name = next,
            None => return name,
        }
    }
    // A circle leads nowhere: the authority will say so.
    record.to_owned()
}
