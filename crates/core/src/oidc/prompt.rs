//! The `prompt` parameter (OpenID Connect Core section 3.1.2.1).

/// What a client wants the person to be asked.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the parameter")]
pub struct Prompt {
    /// Nothing: answer at once or with an error.
    pub none: bool,
    /// To sign in, even with a session.
    pub login: bool,
    /// For consent, even if it was given.
    pub consent: bool,
    /// Which account: to go on with the one of the session, or to use the passkey of another.
    pub select_account: bool,
}

impl Prompt {
    /// The words that [`Prompt::parse`] knows.
    pub const VALUES: [&'static str; 4] = ["none", "login", "consent", "select_account"];

    /// Reads a list separated by spaces. `None` for an unknown word, or for `none` among others.
    pub fn parse(text: &str) -> Option<Self> {
        let mut prompt = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match word {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                "select_account" => prompt.select_account = true,
                _ => return None,
            }
        }
        let alone = !(prompt.login || prompt.consent || prompt.select_account);
        (!prompt.none || alone).then_some(prompt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o_28_none_stands_alone_and_unknown_words_are_refused() {
        for text in
            ["none login", "login none", "consent select_account none", "create", "LOGIN", "login,consent"]
        {
            assert_eq!(Prompt::parse(text), None, "{text}");
        }
        for word in Prompt::VALUES {
            assert_ne!(Prompt::parse(word).unwrap(), Prompt::default(), "{word}");
        }
        let all = Prompt { none: false, login: true, consent: true, select_account: true };
        assert_eq!(Prompt::parse("login  consent select_account login"), Some(all));
        assert_eq!(Prompt::parse(" "), Some(Prompt::default()));
    }
}
