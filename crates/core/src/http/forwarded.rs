//! The effective client address: the peer of the connection, unless that is a proxy or a tunnel that was declared.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use ::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that stands for the peer of a unix socket. No connection over a network has it, and no header is
/// believed that says it.
pub const UNIX_PEER: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// Peers that tell the client's address in a header that they set on every request, such as Cloudflare's tunnel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tunnels {
    /// Who they are. Empty by default.
    pub peers: Vec<IpNet>,
    /// The header.
    pub header: HeaderName,
}

impl Default for Tunnels {
    fn default() -> Self {
        Self { peers: Vec::new(), header: HeaderName::from_static("cf-connecting-ip") }
    }
}

/// Who is believed about the client's address.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a> {
    /// Peers whose `X-Forwarded-For` is believed.
    pub proxies: &'a [IpNet],
    /// Peers whose own header is believed.
    pub tunnels: &'a Tunnels,
}

impl Trust<'_> {
    /// Whether this peer speaks for others, so that its address is no client's.
    pub fn speaks_for_others(&self, peer: IpAddr) -> bool {
        is_in(peer, self.proxies) || is_in(peer, &self.tunnels.peers)
    }
}

/// The address on which decisions rest. From a trusted proxy, the right-most hop of `X-Forwarded-For` that is not
/// itself trusted (T-4); an entry that is no address ends the walk at the last hop that vouched for it. From a tunnel,
/// the one value of its header; two values, or one that is no address, are believed by nobody. `Forwarded`,
/// `X-Real-IP` and their kin are never read.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trust: Trust<'_>) -> IpAddr {
    let peer = peer.to_canonical();
    if is_in(peer, &trust.tunnels.peers) {
        let mut values = headers.get_all(&trust.tunnels.header).iter();
        let (Some(only), None) = (values.next(), values.next()) else { return peer };
        return only.to_str().ok().and_then(|text| parse_hop(text.trim())).unwrap_or(peer);
    }
    let mut client = peer;
    if !is_in(client, trust.proxies) {
        return client;
    }
    for line in headers.get_all(&X_FORWARDED_FOR).iter().rev() {
        let Ok(text) = line.to_str() else { return client };
        for hop in text.rsplit(',') {
            let Some(address) = parse_hop(hop.trim()) else {
                return client;
            };
            client = address;
            if !is_in(client, trust.proxies) {
                return client;
            }
        }
    }
    client
}

/// Whether the request carried forwarding headers that were not believed; the log says so.
pub fn was_ignored(peer: IpAddr, headers: &HeaderMap, trust: Trust<'_>) -> bool {
    let peer = peer.to_canonical();
    let believed = if is_in(peer, &trust.tunnels.peers) {
        Some(&trust.tunnels.header)
    } else {
        is_in(peer, trust.proxies).then_some(&X_FORWARDED_FOR)
    };
    [&X_FORWARDED_FOR, &trust.tunnels.header]
        .into_iter()
        .any(|name| Some(name) != believed && headers.contains_key(name))
}

/// What a request says about where it comes from, believed or not, for the log: the lines of the forwarding headers, of
/// bounded length.
pub fn chain(headers: &HeaderMap, trust: Trust<'_>) -> String {
    const LONGEST: usize = 300;
    let mut names = vec![&X_FORWARDED_FOR];
    if trust.tunnels.header != X_FORWARDED_FOR {
        names.push(&trust.tunnels.header);
    }
    let mut text = String::new();
    for (name, line) in
        names.iter().flat_map(|name| headers.get_all(*name).iter().map(move |line| (name, line)))
    {
        let separator = if text.is_empty() { "" } else { " " };
        let line = line.to_str().unwrap_or("(unreadable)");
        let _never_fails = write!(text, "{separator}{name}: {line}");
    }
    if text.len() > LONGEST {
        // All of it is ASCII: names of headers are, and `to_str` lets nothing else through.
        text.truncate(LONGEST);
        text.push('…');
    }
    text
}

/// Whether an address is in one of these networks.
pub fn is_in(address: IpAddr, networks: &[IpNet]) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// An address, optionally with a port and with brackets. IPv4-mapped IPv6 is the IPv4 address. The unspecified address
/// is nobody's: it stands for peers of unix sockets.
pub(super) fn parse_hop(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address =
        bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical()).filter(|address| !address.is_unspecified())
}

#[cfg(test)]
mod tests;
