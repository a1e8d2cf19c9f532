//! What holds for every input from outside, as functions from bytes to nothing that fail where it does not hold. Fuzz
//! targets call them with what they find, and `tests/corpus.rs` with what was found.

mod cookies;
mod names;
mod paths;

use std::{collections::BTreeSet, net::IpAddr};

use doorward_core::{
    http::forwarded,
    id::{SessionId, UserId},
    identity::{AuthContext, Identity, IdentityParts},
    time::UnixTime,
    user::{Profile, Username},
};
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

pub use cookies::cookie;
pub use names::headers;
pub use paths::target;

/// A property of this module, by its name: that of its fuzz target and of the directory of its corpus.
pub type Property = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: [Property; 4] =
    [("target", target), ("headers", headers), ("forwarded", forwarded_for), ("cookie", cookie)];

/// Only trusted peers are believed about the address of the client (T-4): nobody to the left of a hop that is not
/// trusted has a say. The first byte chooses the peer; the rest are lines of `X-Forwarded-For`.
pub fn forwarded_for(data: &[u8]) {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let peers =
        ["10.0.0.1", "203.0.113.5", "fd00::1", "2001:db8::1", "::ffff:10.0.0.1", "::ffff:203.0.113.5"];
    let peer: IpAddr = peers[usize::from(*first) % peers.len()].parse().expect("an address");
    let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse::<IpNet>().expect("a network"));
    let trusted = |address: &IpAddr| networks.iter().any(|network| network.contains(address));
    let mut headers = HeaderMap::new();
    for line in rest.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append("x-forwarded-for", value);
        }
    }
    let found = forwarded::client_address(peer, &headers, &networks);
    assert_eq!(found, found.to_canonical(), "one spelling");
    let peer = peer.to_canonical();
    if !trusted(&peer) {
        return assert_eq!(found, peer, "nobody else is believed");
    }
    // Everything up to the address that was taken was said by somebody who is trusted.
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let hops =
        lines.map(|line| line.to_str().unwrap_or("?").split(',').rev().map(str::trim).collect::<Vec<_>>());
    let mut speaker = peer;
    for hop in hops.flatten() {
        if speaker == found && !trusted(&speaker) {
            return;
        }
        let Some(said) = address(hop) else {
            return assert_eq!(found, speaker, "what is no address ends it");
        };
        assert!(trusted(&speaker), "{found} was said by {speaker}, who is not trusted");
        speaker = said;
    }
    assert_eq!(found, speaker, "the left-most of trusted hops");
}

/// An address as a hop spells it: bare, in brackets, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    bare.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

/// Header lines, `Name: value` each; what is none is left out.
fn lines(data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii()))
        else {
            continue;
        };
        // A map has an end, which the data plane's limit on lines keeps out of reach.
        let _ = headers.try_append(name, value);
    }
    headers
}

/// Ada, a user.
fn somebody() -> Identity {
    Identity::new(IdentityParts {
        subject: UserId::from_random([7; 16]),
        profile: Profile {
            username: Username::parse("ada").expect("a username"),
            display_name: "Ada Lovelace".to_owned(),
            email: None,
        },
        groups: BTreeSet::from(["users".to_owned()]),
        context: AuthContext { auth_time: UnixTime(0), amr: Vec::new() },
        session: SessionId::from_random([8; 16]),
        portal_session: SessionId::from_random([9; 16]),
        expires_at: UnixTime(i64::MAX),
    })
}
