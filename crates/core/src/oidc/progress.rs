//! How far an authorization request has come: what lets `prompt=login`, `prompt=consent` and `max_age` be asked once
//! and not for ever.
//!
//! The first time that a request needs the person, the moment is sealed into one more parameter of its query, which
//! then goes to the sign-in or consent page and back. It is bound to all the other parameters, so it can't be moved to
//! another request, and it is worth nothing after ten minutes. Whoever sends the same request again with it has gained
//! nothing: it only says since when a sign-in counts as new.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    id::UserId,
    oauth::parameters::Parameters,
    return_to::ReturnTo,
    seal::{NONCE_LENGTH, SealingKey},
    time::{Lifetime, UnixTime},
    token::sha256,
};

/// The parameter that carries it.
pub const PARAMETER: &str = "dw_progress";

/// How long a request may take from its first step to its last.
pub const LIFETIME: Lifetime = Lifetime::minutes(10);

/// How far a request has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    started: UnixTime,
    consented: Option<UserId>,
}

impl Progress {
    /// A request that needs the person for the first time.
    pub const fn begin(now: UnixTime) -> Self {
        Self { started: now, consented: None }
    }

    /// The same after this person consented.
    pub const fn with_consent(self, user: UserId) -> Self {
        Self { consented: Some(user), ..self }
    }

    /// When the request needed the person for the first time: a sign-in since then is an answer to it.
    pub const fn started(self) -> UnixTime {
        self.started
    }

    /// Who consented to this very request.
    pub const fn consented_by(self) -> Option<UserId> {
        self.consented
    }

    /// The request with its progress, as the destination after the next step. `key` is for
    /// [`crate::seal::Purpose::Authorization`], `nonce` fresh.
    pub fn seal(self, parameters: &Parameters, key: &SealingKey, nonce: [u8; NONCE_LENGTH]) -> ReturnTo {
        let mut plain = self.started.0.to_be_bytes().to_vec();
        plain.extend(self.consented.iter().flat_map(|user| user.as_str().bytes()));
        let request = parameters.clone().without(PARAMETER);
        let sealed = key.seal(nonce, &context(&request), &plain);
        ReturnTo::Authorize(request.with(PARAMETER, &URL_SAFE_NO_PAD.encode(sealed)).to_query())
    }

    /// Reads the progress that came with a request; `None` for none, another request's, or one older than
    /// [`LIFETIME`].
    pub fn open(parameters: &Parameters, key: &SealingKey, now: UnixTime) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(parameters.value(PARAMETER)?).ok()?;
        let plain = key.open(&context(&parameters.clone().without(PARAMETER)), &sealed)?;
        let (started, consented) = plain.split_first_chunk::<8>()?;
        let started = UnixTime(i64::from_be_bytes(*started));
        let consented = match consented {
            [] => None,
            user => Some(UserId::parse(std::str::from_utf8(user).ok()?).ok()?),
        };
        (started <= now && now < started.after(LIFETIME)).then_some(Self { started, consented })
    }
}

fn context(request: &Parameters) -> [u8; 32] {
    sha256(request.to_query().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{Purpose, RootSecret};

    const NOW: UnixTime = UnixTime(1000);

    fn key() -> SealingKey {
        let root = RootSecret::from_file_content(b"0123456789abcdef").unwrap();
        root.sealing_key(Purpose::Authorization)
    }

    fn sealed(progress: Progress, query: &str) -> Parameters {
        let parameters = Parameters::parse(query.as_bytes()).unwrap();
        let ReturnTo::Authorize(query) = progress.seal(&parameters, &key(), [1; 12]) else {
            panic!("{query}")
        };
        Parameters::parse(query.as_bytes()).unwrap()
    }

    #[test]
    fn progress_comes_back_with_its_request() {
        let ada = UserId::from_random([1; 16]);
        for progress in [Progress::begin(NOW), Progress::begin(NOW).with_consent(ada)] {
            let parameters = sealed(progress, "client_id=wiki&state=a+b%2F&prompt=login&x=");
            assert_eq!(Progress::open(&parameters, &key(), NOW), Some(progress));
            assert_eq!(parameters.value("state"), Some("a b/"));
            let destination = progress.seal(&parameters, &key(), [2; 12]);
            assert_eq!(ReturnTo::parse(&destination.to_path()), destination, "survives the sign-in page");
        }
    }

    /// A parameter more, less or changed: another request, with nothing done for it yet.
    #[test]
    fn o_28_progress_is_of_one_request_and_one_time() {
        let parameters = sealed(Progress::begin(NOW), "client_id=wiki&state=1&prompt=login");
        for other in [
            parameters.clone().with("state", "2"),
            parameters.clone().with("nonce", "1"),
            parameters.clone().without("prompt"),
            parameters.clone().with(PARAMETER, "AAAA"),
            parameters.clone().without(PARAMETER),
        ] {
            assert_eq!(Progress::open(&other, &key(), NOW), None, "{}", other.to_query());
        }
        for (now, lives) in [(999, false), (1000, true), (1599, true), (1600, false)] {
            assert_eq!(Progress::open(&parameters, &key(), UnixTime(now)).is_some(), lives, "{now}");
        }
    }

    #[test]
    fn o_4_what_was_sealed_for_another_purpose_is_no_progress() {
        let root = RootSecret::from_file_content(b"0123456789abcdef").unwrap();
        let parameters = sealed(Progress::begin(NOW), "client_id=wiki");
        assert_eq!(Progress::open(&parameters, &root.sealing_key(Purpose::LoginTransaction), NOW), None);
    }
}
