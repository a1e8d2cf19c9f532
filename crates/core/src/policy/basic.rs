//! The posture `basic`: names and passwords of a file, for what can't do better.

use std::{collections::BTreeMap, fmt, sync::Arc};

use ::http::{HeaderMap, HeaderName, HeaderValue, header};
use argon2::{Argon2, Params, PasswordHash as Phc, PasswordVerifier as _};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bcrypt::HashParts;

/// Costs of bcrypt that are accepted: more would let a few requests keep a core busy.
const BCRYPT_COST: std::ops::RangeInclusive<u32> = 4..=15;
/// The largest memory, in KiB, and the most passes and lanes of Argon2 that are accepted.
const ARGON2_MOST: (u32, u32, u32) = (256 * 1024, 16, 16);
/// Bytes of a name and a password together that are looked at.
const CREDENTIALS_MAX: usize = 1024;

/// Who may sign in to a service by name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Realm {
    /// What browsers show when they ask for the password.
    pub name: String,
    /// The header by which the application learns the name; `None` for none.
    pub user_header: Option<HeaderName>,
    users: BTreeMap<String, Arc<str>>,
}

/// Somebody whose password was verified. Only [`Realm::verify`] makes one.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedUser {
    name: String,
    header: HeaderValue,
    hash: Arc<str>,
}

impl VerifiedUser {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name as a header's value.
    pub const fn header_value(&self) -> &HeaderValue {
        &self.header
    }
}

impl fmt::Debug for Realm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.users.keys().collect();
        formatter
            .debug_struct("Realm")
            .field("name", &self.name)
            .field("users", &names)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for VerifiedUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VerifiedUser({})", self.name)
    }
}

impl Realm {
    /// A realm in which nobody is yet.
    pub const fn new(name: String, user_header: Option<HeaderName>) -> Self {
        Self { name, user_header, users: BTreeMap::new() }
    }

    /// Reads `name:hash` lines. Empty lines and lines that begin with `#` are left out.
    ///
    /// # Errors
    /// Which line is unfit and why, without its hash.
    pub fn read(&mut self, text: &str) -> Result<(), String> {
        let mut users = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let unfit = |why: &str| format!("line {} {why}", number + 1);
            let (name, hash) = line.split_once(':').ok_or_else(|| unfit("is not `name:hash`"))?;
            if name.is_empty() || name.len() > 63 || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(unfit("has a name that is not 1 to 63 visible ASCII characters"));
            }
            check_hash(hash).map_err(|why| unfit(&why))?;
            if users.insert(name.to_owned(), Arc::from(hash)).is_some() {
                return Err(unfit("has a name that an earlier line has"));
            }
        }
        if users.is_empty() {
            return Err("nobody is in it, so that nobody could sign in".to_owned());
        }
        self.users = users;
        Ok(())
    }

    /// Verifies a password, which takes as long for a name that is unknown. Not for a thread that others wait for.
    pub fn verify(&self, credentials: &Credentials) -> Option<VerifiedUser> {
        let known = self.users.get_key_value(credentials.name.as_str());
        // Somebody else's hash in place of none: the time does not tell who is known.
        let hash = known.map(|(_, hash)| hash).or_else(|| self.users.values().next())?;
        let fits = matches(hash, &credentials.password);
        let (name, hash) = known.filter(|_| fits)?;
        let header = HeaderValue::from_str(name).ok()?;
        Some(VerifiedUser { name: name.clone(), header, hash: Arc::clone(hash) })
    }

    /// Whether this verification still counts: the name is there, with the hash that the password was verified against.
    pub fn holds(&self, user: &VerifiedUser) -> bool {
        self.users.get(&user.name).is_some_and(|hash| *hash == user.hash)
    }
}

fn matches(hash: &str, password: &[u8]) -> bool {
    if hash.starts_with("$argon2id$") {
        return Argon2::default().verify_password(password, hash).is_ok();
    }
    bcrypt::verify(password, hash).unwrap_or(false)
}

/// Whether a hash is one that slows guessing down, and no more than bearable.
fn check_hash(hash: &str) -> Result<(), String> {
    let make = "make one by `htpasswd -nB NAME` or `argon2`";
    if hash.starts_with("$2y$") || hash.starts_with("$2b$") {
        let parts: HashParts =
            hash.parse().map_err(|_| format!("has a bcrypt hash that is cut or changed; {make}"))?;
        return if BCRYPT_COST.contains(&parts.get_cost()) {
            Ok(())
        } else {
            Err(format!("has a bcrypt hash of cost {}; 4 to 15 are accepted", parts.get_cost()))
        };
    }
    if hash.starts_with("$argon2id$") {
        let changed = || format!("has an Argon2 hash that is cut or changed; {make}");
        let parsed = Phc::new(hash).map_err(|_| changed())?;
        let params = Params::try_from(&parsed).map_err(|_| changed())?;
        let (memory, passes, lanes) = ARGON2_MOST;
        let bearable = params.m_cost() <= memory && params.t_cost() <= passes && params.p_cost() <= lanes;
        let complete = parsed.hash.is_some() && parsed.salt.is_some();
        return match (complete, bearable) {
            (false, _) => Err(changed()),
            (true, false) => {
                Err("has an Argon2 hash that costs more than 256 MiB, 16 passes or 16 lanes".to_owned())
            }
            (true, true) => Ok(()),
        };
    }
    let kind = match hash {
        hash if hash.starts_with("$apr1$") || hash.starts_with("$1$") => "an MD5 hash",
        hash if hash.starts_with("{SHA}") || hash.starts_with("{SSHA}") => "a SHA-1 hash",
        hash if hash.starts_with("$5$") || hash.starts_with("$6$") => "a SHA-2 crypt hash",
        hash if hash.starts_with("$2a$") || hash.starts_with("$2x$") => {
            "a bcrypt hash of an old, faulty kind"
        }
        hash if hash.starts_with("$argon2") => "an Argon2 hash of another kind than argon2id",
        _ => "a password as it is, or a hash of a kind that is guessed quickly",
    };
    Err(format!("has {kind}; bcrypt ($2y$ or $2b$) and argon2id are accepted: {make}"))
}

/// A name and a password that a request presents.
pub struct Credentials {
    name: String,
    password: Vec<u8>,
}

impl Credentials {
    /// What `Authorization: Basic …` says (RFC 7617). `None` when there is no such line, or several, or it is no pair.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return None;
        };
        let (scheme, rest) = line.as_bytes().split_at_checked("basic ".len())?;
        if !scheme.eq_ignore_ascii_case(b"basic ") || rest.len() > CREDENTIALS_MAX * 4 / 3 {
            return None;
        }
        let pair = STANDARD.decode(rest.trim_ascii()).ok()?;
        let colon = pair.iter().position(|byte| *byte == b':')?;
        let name = String::from_utf8(pair[..colon].to_vec()).ok()?;
        Some(Self { name, password: pair[colon + 1..].to_vec() })
    }

    /// A text that is the same for the same credentials only, to be hashed with a key.
    pub fn fingerprint(&self) -> Vec<u8> {
        [self.name.as_bytes(), b":", &self.password].concat()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials")
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.password);
    }
}
