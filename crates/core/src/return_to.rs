//! Where a person goes after signing in: one of our own pages, named by a typed value, never a URL from outside.

/// A destination on the identity host.
///
/// Read from the `return_to` parameter. Whatever is not one of ours is the launcher: there is nothing to redirect
/// openly to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReturnTo {
    /// The launcher.
    Launcher,
    /// On to a service, with the query of the handoff.
    Handoff(String),
    /// On with an authorization request, with its query.
    Authorize(String),
    /// On with a device's code, with the query of its page.
    Device(String),
    /// One of the portal's own pages.
    Page(Page),
}

/// The portal's own pages that a sign-in can lead to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Page {
    /// The person's passkeys.
    Passkeys,
    /// The person's tokens for programs.
    Tokens,
    /// The administrators' list of people.
    People,
    /// The administrators' list of groups.
    Groups,
    /// The administrators' list of registered applications.
    Clients,
    /// An administrator's own keys for programs.
    ApiKeys,
    /// Where people enter the code of a device.
    Device,
}

impl Page {
    const ALL: [Self; 7] = [
        Self::Passkeys,
        Self::Tokens,
        Self::People,
        Self::Groups,
        Self::Clients,
        Self::ApiKeys,
        Self::Device,
    ];

    /// Its path.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Passkeys => "/account/passkeys",
            Self::Tokens => "/account/tokens",
            Self::People => "/admin/people",
            Self::Groups => "/admin/groups",
            Self::Clients => "/admin/clients",
            Self::ApiKeys => "/admin/api-keys",
            Self::Device => "/device",
        }
    }
}

impl ReturnTo {
    /// Longest destination, in bytes.
    pub const MAX: usize = 8192;

    /// Reads a path with query on the identity host.
    pub fn parse(text: &str) -> Self {
        let ours = text.len() <= Self::MAX
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#');
        if !ours {
            return Self::Launcher;
        }
        match text.split_once('?') {
            Some(("/handoff", query)) => Self::Handoff(query.to_owned()),
            Some(("/authorize", query)) => Self::Authorize(query.to_owned()),
            Some(("/device", query)) => Self::Device(query.to_owned()),
            Some(_) => Self::Launcher,
            None => Page::ALL.into_iter().find(|page| page.path() == text).map_or(Self::Launcher, Self::Page),
        }
    }

    /// The path with query.
    pub fn to_path(&self) -> String {
        match self {
            Self::Launcher => "/".to_owned(),
            Self::Handoff(query) => format!("/handoff?{query}"),
            Self::Authorize(query) => format!("/authorize?{query}"),
            Self::Device(query) => format!("/device?{query}"),
            Self::Page(page) => page.path().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// whitespace, backslashes, schemes, hosts and unknown paths all lead to the launcher.
    #[test]
    fn r_8_only_our_own_pages_are_destinations() {
        for text in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/handoff",
            "/handoff\\?x",
            " /handoff?x",
            "/authorize?a\r\nb",
            "/other?x",
            "javascript:alert(1)",
            "/account/passkeys?x",
            "/authorize?x#y",
            "/handoff/../x?y",
        ] {
            assert_eq!(ReturnTo::parse(text), ReturnTo::Launcher, "{text:?}");
        }
        for text in [
            "/",
            "/handoff?service=notes",
            "/authorize?client_id=x",
            "/device?code=EAB9-A9J9",
            "/device",
            "/account/passkeys",
            "/account/tokens",
            "/admin/people",
        ] {
            assert_eq!(ReturnTo::parse(text).to_path(), text);
        }
    }

    #[test]
    fn r_8_a_destination_is_bounded_and_stable() {
        let longest = format!("/handoff?{}", "a".repeat(ReturnTo::MAX - 9));
        assert_eq!(ReturnTo::parse(&longest).to_path(), longest);
        assert_eq!(ReturnTo::parse(&format!("{longest}a")), ReturnTo::Launcher);
        for text in
            ["/handoff?", "/handoff?return_to=//evil.test", "/authorize?redirect_uri=https://a.test/?x"]
        {
            let read = ReturnTo::parse(text);
            assert_eq!(ReturnTo::parse(&read.to_path()), read);
            assert!(read.to_path().starts_with(&text[..5]), "{text}");
        }
    }
}
