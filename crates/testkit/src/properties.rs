//! What holds for every input from outside, as functions from bytes to nothing that fail where it does not hold. Fuzz
//! targets call them with what they find, and `tests/corpus.rs` with what was found.

mod addresses;
mod cookies;
mod names;
mod paths;

use std::collections::BTreeSet;

use doorward_core::{
    id::{SessionId, UserId},
    identity::{AuthContext, Identity, IdentityParts},
    time::UnixTime,
    user::{Profile, Username},
};
use http::{HeaderMap, HeaderName, HeaderValue};

pub use addresses::{forwarded, proxy_protocol};
pub use cookies::cookie;
pub use names::headers;
pub use paths::{scope, target};

/// A property of this module, by its name: that of its fuzz target and of the directory of its corpus.
pub type Property = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: [Property; 6] = [
    ("target", target),
    ("headers", headers),
    ("forwarded", forwarded),
    ("cookie", cookie),
    ("proxy_protocol", proxy_protocol),
    ("scope", scope),
];

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
        profile: Profile::new(Username::parse("ada").expect("a username"), "Ada Lovelace".to_owned()),
        groups: BTreeSet::from(["users".to_owned()]),
        context: AuthContext { auth_time: UnixTime(0), amr: Vec::new() },
        session: SessionId::from_random([8; 16]),
        portal_session: SessionId::from_random([9; 16]),
        expires_at: UnixTime(i64::MAX),
    })
}
