//! The effective client address: the TCP peer, unless the peer is a proxy that was declared as trusted.

use std::net::{IpAddr, SocketAddr};

use ::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address on which decisions rest. From a trusted peer, the right-most hop of `X-Forwarded-For` that is not
/// itself trusted (T-4); an entry that is no address ends the walk at the last hop that vouched for it. `Forwarded`,
/// `X-Real-IP` and their kin are never read.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer.to_canonical();
    if !is_trusted(client, trusted) {
        return client;
    }
    for line in headers.get_all(X_FORWARDED_FOR).iter().rev() {
        let Ok(text) = line.to_str() else { return client };
        for hop in text.rsplit(',') {
            let Some(address) = parse_hop(hop.trim()) else {
                return client;
            };
            client = address;
            if !is_trusted(client, trusted) {
                return client;
            }
        }
    }
    client
}

/// Whether the request carried forwarding headers that were not believed; the log says so.
pub fn was_ignored(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> bool {
    headers.contains_key(X_FORWARDED_FOR) && !is_trusted(peer.to_canonical(), trusted)
}

/// Whether this peer was declared as a trusted proxy.
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// An address, optionally with a port and with brackets. IPv4-mapped IPv6 is the IPv4 address.
pub(super) fn parse_hop(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address =
        bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, line.parse().unwrap());
        }
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    /// T-4, H-11, impossible 9 and finding 3 of the audit of caddy-security.
    #[test]
    fn t_4_h_11_impossible_9_only_trusted_peers_are_believed() {
        for (peer, lines, expected) in [
            ("203.0.113.5", &["198.51.100.10"][..], "203.0.113.5"),
            ("10.0.0.1", &["198.51.100.10"], "198.51.100.10"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.10"], "198.51.100.10"),
            ("10.0.0.1", &["127.0.0.1", "198.51.100.10, 10.0.0.2"], "198.51.100.10"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["10.0.0.9"], "10.0.0.9"),
            ("10.0.0.1", &["127.0.0.1, nonsense"], "10.0.0.1"),
            ("10.0.0.1", &["127.0.0.1, nonsense, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("10.0.0.1", &["198.51.100.10:5000"], "198.51.100.10"),
            ("fd00::1", &["2001:db8::7"], "2001:db8::7"),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.10"], "198.51.100.10"),
            ("::ffff:203.0.113.5", &["127.0.0.1"], "203.0.113.5"),
        ] {
            assert_eq!(client(peer, lines), expected, "{peer} {lines:?}");
        }
    }
}
