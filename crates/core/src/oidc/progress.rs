//! How far an authorization request has come: what lets `prompt=login`, `prompt=consent` and `max_age` be asked once
//! and not for ever.
//!
//! The first time that a request needs the person, the moment is sealed into one more parameter of its query, which
//! then goes to the sign-in or consent page and back. It is bound to all the other parameters, so it can't be moved to
//! another request, and it is worth nothing after ten minutes. Whoever sends the same request again with it has gained
//! nothing: it only says since when a sign-in counts as new, and that a request was pushed.

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
    begun: UnixTime,
    asked: bool,
    pushed: bool,
    answers: Option<Answers>,
}

/// What a person said about a request. Another person's word is worth nothing, so it is forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Answers {
    by: UserId,
    chosen: bool,
    consented: bool,
}

/// Bits of the first byte.
const ASKED: u8 = 1;
const PUSHED: u8 = 2;
const CHOSEN: u8 = 4;
const CONSENTED: u8 = 8;

impl Progress {
    /// A request that needs the person for the first time.
    pub const fn begin(now: UnixTime) -> Self {
        Self { begun: now, asked: true, pushed: false, answers: None }
    }

    /// A request that the client pushed (RFC 9126) and that was just taken out of the store. From now on this is what
    /// says so: its `request_uri` is used up.
    pub const fn of_pushed(now: UnixTime) -> Self {
        Self { begun: now, asked: false, pushed: true, answers: None }
    }

    /// The same when the person is needed: for the first time, unless they were before.
    #[must_use]
    pub const fn asking(self, now: UnixTime) -> Self {
        if self.asked { self } else { Self { begun: now, asked: true, ..self } }
    }

    /// The same request from its beginning, for another person.
    #[must_use]
    pub const fn again(self, now: UnixTime) -> Self {
        Self { pushed: self.pushed, ..Self::begin(now) }
    }

    /// The same after this person consented.
    #[must_use]
    pub fn with_consent(self, user: UserId) -> Self {
        Self { answers: Some(Answers { consented: true, ..self.answers_of(user) }), ..self }
    }

    /// The same after this person said that it is to be them.
    #[must_use]
    pub fn with_choice(self, user: UserId) -> Self {
        Self { answers: Some(Answers { chosen: true, ..self.answers_of(user) }), ..self }
    }

    fn answers_of(self, user: UserId) -> Answers {
        let nothing = Answers { by: user, chosen: false, consented: false };
        self.answers.filter(|answers| answers.by == user).unwrap_or(nothing)
    }

    /// When the request needed the person for the first time: a sign-in since then is an answer to it.
    pub const fn started(self) -> Option<UnixTime> {
        if self.asked { Some(self.begun) } else { None }
    }

    /// Whether the client pushed the request.
    pub const fn is_pushed(self) -> bool {
        self.pushed
    }

    /// Whether this person consented to this very request.
    pub fn is_consented_by(self, user: UserId) -> bool {
        self.answers_of(user).consented
    }

    /// Whether this person said that it is to be them.
    pub fn is_chosen_by(self, user: UserId) -> bool {
        self.answers_of(user).chosen
    }

    /// The request with its progress, in place of a former one. `key` is for
    /// [`crate::seal::Purpose::Authorization`], `nonce` fresh.
    pub fn add_to(self, parameters: Parameters, key: &SealingKey, nonce: [u8; NONCE_LENGTH]) -> Parameters {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let said = |what: fn(Answers) -> bool| self.answers.is_some_and(what);
        let came = flag(self.asked, ASKED) | flag(self.pushed, PUSHED);
        let answered = flag(said(|it| it.chosen), CHOSEN) | flag(said(|it| it.consented), CONSENTED);
        let mut plain = vec![came | answered];
        plain.extend(self.begun.0.to_be_bytes());
        plain.extend(self.answers.iter().flat_map(|answers| answers.by.as_str().bytes()));
        let request = parameters.without(PARAMETER);
        let sealed = key.seal(nonce, &context(&request), &plain);
        request.with(PARAMETER, &URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The same, as the destination after the next step.
    pub fn seal(self, parameters: &Parameters, key: &SealingKey, nonce: [u8; NONCE_LENGTH]) -> ReturnTo {
        ReturnTo::Authorize(self.add_to(parameters.clone(), key, nonce).to_query())
    }

    /// Reads the progress that came with a request; `None` for none, another request's, or one older than
    /// [`LIFETIME`].
    pub fn open(parameters: &Parameters, key: &SealingKey, now: UnixTime) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(parameters.value(PARAMETER)?).ok()?;
        let plain = key.open(&context(&parameters.clone().without(PARAMETER)), &sealed)?;
        let (flags, rest) = plain.split_first()?;
        let (begun, by) = rest.split_first_chunk::<8>()?;
        let (begun, has) = (UnixTime(i64::from_be_bytes(*begun)), |bit: u8| flags & bit != 0);
        let answers = match by {
            [] => None,
            by => {
                let by = UserId::parse(std::str::from_utf8(by).ok()?).ok()?;
                Some(Answers { by, chosen: has(CHOSEN), consented: has(CONSENTED) })
            }
        };
        let read = Self { begun, asked: has(ASKED), pushed: has(PUSHED), answers };
        (begun <= now && now < begun.after(LIFETIME)).then_some(read)
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
        let (begun, pushed) = (Progress::begin(NOW), Progress::of_pushed(NOW));
        let answered =
            [begun.with_consent(ada), begun.with_choice(ada), begun.with_choice(ada).with_consent(ada)];
        for progress in [&answered[..], &[begun, pushed, pushed.asking(NOW).with_consent(ada)]].concat() {
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

    /// What was pushed stays pushed whatever the person does, and nothing else becomes it.
    #[test]
    fn o_28_a_request_was_pushed_or_was_not() {
        let later = UnixTime(NOW.0 + 5);
        let (begun, pushed) = (Progress::begin(NOW), Progress::of_pushed(NOW));
        assert_eq!((begun.started(), pushed.started()), (Some(NOW), None));
        assert_eq!((begun.asking(later), pushed.asking(later).started()), (begun, Some(later)));
        assert_eq!(pushed.asking(NOW).again(later).started(), Some(later));
        let ada = UserId::from_random([1; 16]);
        for progress in [pushed.asking(later), pushed.again(later), pushed.with_consent(ada)] {
            assert!(progress.is_pushed());
        }
        for progress in [begun.asking(later), begun.again(later), begun.with_consent(ada)] {
            assert!(!progress.is_pushed());
        }
        assert_eq!(begun.with_consent(ada).again(later), Progress::begin(later), "nobody consented yet");
    }

    #[test]
    fn o_28_the_word_of_one_person_is_not_anothers() {
        let (ada, bob) = (UserId::from_random([1; 16]), UserId::from_random([2; 16]));
        let both = Progress::begin(NOW).with_choice(ada).with_consent(ada);
        assert!(both.is_chosen_by(ada) && both.is_consented_by(ada));
        assert!(!both.is_chosen_by(bob) && !both.is_consented_by(bob));
        let switched = both.with_choice(bob);
        assert!(switched.is_chosen_by(bob) && !switched.is_consented_by(bob) && !switched.is_chosen_by(ada));
    }

    #[test]
    fn o_4_what_was_sealed_for_another_purpose_is_no_progress() {
        let root = RootSecret::from_file_content(b"0123456789abcdef").unwrap();
        let parameters = sealed(Progress::begin(NOW), "client_id=wiki");
        assert_eq!(Progress::open(&parameters, &root.sealing_key(Purpose::LoginTransaction), NOW), None);
    }
}
