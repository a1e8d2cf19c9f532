//! Keys: what programs present in place of a session.

use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Access, Denial, Guard, Miss, Scope, bearer};
use crate::{
    http::headers::{are_alike, remove_names},
    token::HashedSecret,
};

/// Characters that a key has at least: 128 bits, written with 6 bits each.
pub const KEY_MIN: usize = 22;
/// Different characters that a key has at least; random ones have more.
const KEY_VARIETY: usize = 8;

/// A key that a service declares. Whoever presents it, within its scope, passes as nobody in particular.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// What the log calls it.
    pub name: Arc<str>,
    /// The header that carries it. In `Authorization` it is a Bearer token (RFC 6750).
    pub header: HeaderName,
    /// Its hash.
    pub secret: HashedSecret,
    /// The requests that it is good for.
    pub scope: Scope,
}

/// Whether `text` can be a key: visible ASCII, at least 128 bits long, and not one character again and again.
///
/// # Errors
/// What is wrong with it, without a word of it.
pub fn check_key(text: &[u8]) -> Result<(), &'static str> {
    if !text.iter().all(u8::is_ascii_graphic) {
        return Err("has characters that no header carries; a key is visible ASCII without spaces");
    }
    let mut seen = [false; 256];
    for byte in text {
        seen[usize::from(*byte)] = true;
    }
    let variety = seen.iter().filter(|seen| **seen).count();
    if text.len() < KEY_MIN || variety < KEY_VARIETY {
        return Err("is too easy to guess; at least 128 random bits are needed (`openssl rand -hex 32`)");
    }
    Ok(())
}

/// What a request presents in one header that is the door's, hashed.
#[derive(Clone, Debug)]
pub struct PresentedKey {
    header: HeaderName,
    /// `None` for what can't be a key: nothing, or several at once.
    secret: Option<HashedSecret>,
}

/// What a request presents for the keys of a service. A header is the door's only if a key names it, so that an
/// application's own `X-Api-Key` is none of our business; and of `Authorization` only the scheme Bearer is.
pub fn presented_keys(guard: &Guard, headers: &HeaderMap) -> Vec<PresentedKey> {
    let mut found: Vec<PresentedKey> = Vec::new();
    for key in &guard.keys {
        if found.iter().any(|presented| presented.header == key.header) {
            continue;
        }
        let lines = headers.get_all(&key.header);
        // A token that a person made is judged as such.
        let of_person = |line: &HeaderValue| guard.tokens && is_token(&key.header, line);
        if !lines.iter().any(|line| is_ours(&key.header, line) && !of_person(line)) {
            continue;
        }
        let mut lines = lines.iter();
        let secret = match (lines.next(), lines.next()) {
            (Some(line), None) => secret_in(&key.header, line).map(HashedSecret::of),
            // Which of several counts is not for us to guess (H-15).
            _ => None,
        };
        found.push(PresentedKey { header: key.header.clone(), secret });
    }
    found
}

/// Whether this line of this header is for the door, if a key names the header.
fn is_ours(name: &HeaderName, line: &HeaderValue) -> bool {
    *name != header::AUTHORIZATION || bearer_of(line).is_some()
}

fn secret_in<'a>(name: &HeaderName, line: &'a HeaderValue) -> Option<&'a [u8]> {
    let text = if *name == header::AUTHORIZATION { bearer_of(line)? } else { line.as_bytes() };
    (!text.is_empty()).then_some(text)
}

/// Whether this line carries a token that a person made.
fn is_token(name: &HeaderName, line: &HeaderValue) -> bool {
    secret_in(name, line).and_then(|text| std::str::from_utf8(text).ok()).is_some_and(bearer::is_ours)
}

/// The token of a Bearer line (RFC 6750 section 2.1); empty when it has none.
pub(super) fn bearer_of(line: &HeaderValue) -> Option<&[u8]> {
    let (scheme, rest) = line.as_bytes().split_at_checked("bearer".len())?;
    let ours = scheme.eq_ignore_ascii_case(b"bearer") && rest.first().is_none_or(|byte| *byte == b' ');
    ours.then(|| rest.trim_ascii())
}

/// Removes what a request presented to the door: the application shall not learn the keys that open it. Names that
/// upstreams fold into one of ours go too (H-1).
pub fn strip_keys(keys: &[Key], headers: &mut HeaderMap) {
    if keys.is_empty() {
        return;
    }
    remove_names(headers, |name, line| {
        let of = |key: &Key| are_alike(name.as_str(), key.header.as_str()) && is_ours(&key.header, line);
        keys.iter().any(of)
    });
}

/// Why a key does not open this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyProblem {
    /// It is none of the service's keys, or came several times.
    Unknown,
    /// It is one, and not good for this request.
    Scope(Miss),
}

/// Judges what was presented: the name of the key that opens this, if each of them is good. `None` when nothing was
/// presented; then others decide.
pub(super) fn judge(guard: &Guard, access: &Access<'_>) -> Option<Result<Arc<str>, Denial>> {
    let mut opened = None;
    for presented in access.credentials.keys {
        match judge_one(&guard.keys, presented, access) {
            Ok(name) => opened = Some(Ok(name)),
            // It does not fall through to a bypass or a session: who presents a key means it.
            Err(denial) => return Some(Err(denial)),
        }
    }
    opened
}

fn judge_one(keys: &[Key], presented: &PresentedKey, access: &Access<'_>) -> Result<Arc<str>, Denial> {
    let mut matching = None;
    // Each is compared, so that the time does not tell which one was near.
    for key in keys.iter().filter(|key| key.header == presented.header) {
        let same = presented.secret.as_ref().is_some_and(|secret| secret.is_same_as(&key.secret));
        matching = if same { Some(key) } else { matching };
    }
    let refused = |name, problem| Denial::Key { header: presented.header.clone(), name, problem };
    let Some(key) = matching else {
        return Err(refused(None, KeyProblem::Unknown));
    };
    match key.scope.missed(access) {
        None => Ok(Arc::clone(&key.name)),
        Some(miss) => Err(refused(Some(Arc::clone(&key.name)), KeyProblem::Scope(miss))),
    }
}
