//! Where connections come in, and who is believed about where they come from.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;

use super::ListenerCertificates;
use crate::{http::forwarded::Tunnels, time::Lifetime};

/// An address to listen on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listener {
    /// Where.
    pub address: Address,
    /// Certificates, for TLS; `None` for clear text.
    pub tls: Option<ListenerCertificates>,
    /// Whether requests are answered with the way to https only. For clear text.
    pub redirect: bool,
    /// Whether other proxies ask here about requests, and nothing else is answered. Never an address that people reach.
    pub forward_auth: bool,
    /// Peers that begin each connection with the PROXY protocol. Unless the list is empty, all others are refused.
    pub proxy_protocol: Vec<IpNet>,
}

/// Where a listener is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// An IP address and port. An IPv6 address is for IPv6 alone, so that `0.0.0.0` and `[::]` stand side by side.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(UnixAddress),
    /// The sockets that systemd passes under this name (`FileDescriptorName=`).
    Systemd(String),
}

/// A socket in the file system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnixAddress {
    /// Its path.
    pub path: PathBuf,
    /// Its permissions: who may connect.
    pub mode: u32,
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(formatter, "{address}"),
            Self::Unix(unix) => write!(formatter, "unix:{}", unix.path.display()),
            Self::Systemd(name) => write!(formatter, "systemd:{name}"),
        }
    }
}

/// Everything about listening that is no listener.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Listening {
    /// Peers that tell the client's address in a header of their own.
    pub tunnels: Tunnels,
    /// What is not let grow without end.
    pub limits: Limits,
    /// Where health, readiness and metrics are told; nowhere by default.
    pub admin: Option<Address>,
}

/// What is not let grow without end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Connections of all clients.
    pub connections: usize,
    /// Connections of one client: an IPv4 address, or an IPv6 network of 64 bits.
    pub connections_per_client: usize,
    /// What the TLS handshake of a client may take, and what a balancer's PROXY protocol may take before it.
    pub handshake_timeout: Duration,
    /// What the head of a request may take to arrive. A connection between two requests is kept as long.
    pub head_timeout: Duration,
    /// How long a client may take none of what is written to it. Where nothing is to be written, nothing is waited for.
    pub send_timeout: Duration,
    /// How long a stopping server waits for what is under way.
    pub stop_grace: Lifetime,
    /// How long a server that was replaced by its successor waits for what is under way.
    pub handover_grace: Lifetime,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            connections_per_client: 12_288,
            handshake_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_mins(1),
            // A player that is paused reads nothing.
            send_timeout: Duration::from_mins(5),
            stop_grace: Lifetime(10),
            handover_grace: Lifetime::hours(1),
        }
    }
}
