//! Addresses of clients.

use std::net::{IpAddr, SocketAddr};

use doorward_core::{
    http::forwarded::{Trust, Tunnels, client_address},
    proxy_protocol::{Progress, parse},
};
use http::{HeaderMap, HeaderValue};
use ipnet::IpNet;

const PEERS: [&str; 7] = [
    "10.0.0.1",
    "203.0.113.5",
    "fd00::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "::ffff:203.0.113.5",
    "192.168.7.7",
];
const PROXIES: [&str; 2] = ["10.0.0.0/8", "fd00::/8"];
const TUNNEL: &str = "192.168.7.7/32";

/// Only declared peers are believed about the address of the client (T-4): nobody to the left of a hop that is not
/// trusted has a say. The first byte chooses the peer; the rest are lines of `X-Forwarded-For`, and of the tunnel's
/// header.
///
/// # Panics
/// If it does not hold.
pub fn forwarded(data: &[u8]) {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let peer: IpAddr = PEERS[usize::from(*first) % PEERS.len()].parse().expect("an address");
    let proxies = PROXIES.map(network);
    let tunnels = Tunnels { peers: vec![network(TUNNEL)], ..Tunnels::default() };
    let mut headers = HeaderMap::new();
    for value in rest.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok()) {
        headers.append("x-forwarded-for", value.clone());
        headers.append(tunnels.header.clone(), value);
    }
    let found = client_address(peer, &headers, Trust { proxies: &proxies, tunnels: &tunnels });
    assert_eq!(found, found.to_canonical(), "one spelling");
    let peer = peer.to_canonical();
    if tunnels.peers.iter().any(|network| network.contains(&peer)) {
        let said: Vec<_> = headers.get_all(&tunnels.header).iter().collect();
        assert!(found == peer || said.len() == 1, "two values are believed by nobody");
    } else if proxies.iter().any(|network| network.contains(&peer)) {
        walk(peer, found, &headers, &proxies);
    } else {
        assert_eq!(found, peer, "nobody else is believed");
    }
}

/// Everything up to the address that was taken was said by somebody who is trusted.
fn walk(peer: IpAddr, found: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) {
    let trusted = |address: &IpAddr| proxies.iter().any(|network| network.contains(address));
    let mut speaker = peer;
    for line in headers.get_all("x-forwarded-for").iter().rev() {
        for hop in line.to_str().unwrap_or("?").rsplit(',') {
            if !trusted(&speaker) {
                return assert_eq!(found, speaker, "the walk ends at the first who is not trusted");
            }
            let Some(said) = address(hop.trim()) else {
                return assert_eq!(found, speaker, "what is no address ends it");
            };
            speaker = said;
        }
    }
    assert_eq!(found, speaker, "the left-most of trusted hops");
}

fn network(text: &str) -> IpNet {
    text.parse().expect("a network")
}

/// An address as a hop spells it: bare, in brackets, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address = bare.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical());
    address.filter(|address| !address.is_unspecified())
}

/// A header of the PROXY protocol is read to its own end, however it is cut, and no byte further.
///
/// # Panics
/// If it does not hold.
pub fn proxy_protocol(data: &[u8]) {
    let whole = parse(data);
    if let Ok(Progress::Done(header)) = whole {
        assert!(header.length <= data.len(), "more than there is");
        if let Some(client) = header.client {
            assert_eq!(client.ip(), client.ip().to_canonical(), "one spelling");
            assert!(!client.ip().is_unspecified(), "the peer of a unix socket came by the network");
        }
    }
    let mut ended = false;
    for length in 0..data.len() {
        match (parse(&data[..length]), whole) {
            (Ok(Progress::Needs(0)), _) => unreachable!("it waits for nothing"),
            (Ok(Progress::Needs(more)), Ok(Progress::Done(header))) => {
                assert!(length + more <= header.length, "it takes what follows the header");
            }
            (Ok(Progress::Needs(_)), _) => assert!(!ended, "it was no header before"),
            (Ok(Progress::Done(part)), Ok(Progress::Done(header))) => {
                assert!(part == header && length >= part.length, "two readings");
            }
            (Ok(Progress::Done(_)), _) => unreachable!("what follows a header makes it none"),
            (Err(_), whole) => {
                assert!(whole.is_err(), "a part of a header can't become one");
                ended = true;
            }
        }
    }
}
