//! Pushed authorization requests (RFC 9126): the client sends the parameters itself, and the browser only a name for
//! them, which is good once.

use std::sync::Arc;

use super::{
    authorization::{self, AuthorizationError},
    grant::TokenError,
    progress,
};
use crate::{
    oauth::{client::Client, grant_type::GrantType, parameters::Parameters},
    time::Lifetime,
    token::{Plain, Pushed},
};

/// How long a pushed request waits for the browser.
pub const LIFETIME: Lifetime = Lifetime(90);

/// What a `request_uri` of ours begins with (RFC 9126 section 2.2).
const URN: &str = "urn:ietf:params:oauth:request_uri:";

/// What a client proves itself with. It is not part of the request, and must not be stored with it, where it would end
/// up in the browser.
const CREDENTIALS: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

/// The `request_uri` for a token.
pub fn request_uri(token: &Plain<Pushed>) -> String {
    format!("{URN}{}", token.expose())
}

/// Whether an authorization request names a pushed one; by what. `None` for a request that stands for itself, also when
/// it has a `request_uri` of another kind, which is refused like any parameter that is not supported.
pub fn named(parameters: &Parameters) -> Option<Option<Plain<Pushed>>> {
    parameters.value("request_uri")?.strip_prefix(URN).map(Plain::parse)
}

/// What to keep of a request that `client`, which has proved who it is, pushes. Everything that `/authorize` would refuse
/// is refused here already (RFC 9126 section 2.3), a redirect URI that is not the client's among it.
pub fn accept(parameters: &Parameters, client: &Arc<Client>) -> Result<Parameters, TokenError> {
    if !client.may_use(GrantType::AuthorizationCode) {
        return Err(TokenError::unauthorized_client());
    }
    if parameters.value("request_uri").is_some() {
        return Err(TokenError::invalid_request("request_uri can't be pushed"));
    }
    let bare = CREDENTIALS.iter().fold(parameters.clone(), |request, name| request.without(name));
    let request = bare.without(progress::PARAMETER).with("client_id", &client.client_id);
    match authorization::parse(&request, std::slice::from_ref(client)) {
        Ok(_) => Ok(request),
        Err(AuthorizationError::Display(error)) => Err(TokenError::invalid_request(error.to_string())),
        Err(AuthorizationError::Redirect(response)) => {
            Err(TokenError::new(response.code(), response.description().to_owned()))
        }
    }
}

/// The text of a stored request; `None` for one of another client, which the store would not have given out.
pub fn read(stored: &str, client_id: &str) -> Option<Parameters> {
    let request = Parameters::parse(stored.as_bytes()).ok()?;
    (request.value("client_id") == Some(client_id)).then_some(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::fixtures::{CHALLENGE, clients, parameters, token, wiki};

    fn pushed(request: &Parameters, at: usize) -> Result<Parameters, String> {
        accept(request, &clients()[at]).map_err(|error| error.body()["error"].as_str().unwrap().to_owned())
    }

    #[test]
    fn e_7_what_is_kept_has_no_credentials_in_it() {
        let request = wiki("client_secret=s3cret&client_assertion=x&client_assertion_type=y&dw_progress=z");
        let kept = pushed(&request, 0).unwrap();
        assert_eq!(kept.value("state"), Some("s 1"));
        for name in CREDENTIALS.iter().chain(&["dw_progress"]) {
            assert_eq!(kept.value(name), None, "{name}");
        }
        assert!(!kept.to_query().contains("s3cret"));
        assert_eq!(read(&kept.to_query(), "wiki"), Some(kept.clone()));
        assert_eq!(read(&kept.to_query(), "spa"), None);
    }

    #[test]
    fn r_1_r_4_o_1_what_would_be_refused_later_is_refused_at_once() {
        for (changes, expected) in [
            ("redirect_uri=https%3A%2F%2Fevil.test%2F", "invalid_request"),
            ("redirect_uri=", "invalid_request"),
            ("response_type=token", "unsupported_response_type"),
            ("scope=email", "invalid_scope"),
            ("code_challenge_method=plain", "invalid_request"),
            ("request=x", "request_not_supported"),
            ("request_uri=urn:ietf:params:oauth:request_uri:x", "invalid_request"),
            ("prompt=none+login", "invalid_request"),
        ] {
            assert_eq!(pushed(&wiki(changes), 0), Err(expected.to_owned()), "{changes}");
        }
        // Whoever authenticated is who asks, whatever the form says.
        let of_wiki = wiki("client_id=wiki");
        assert_eq!(pushed(&of_wiki, 1), Err("invalid_request".to_owned()), "not the address of this client");
        let bare = "redirect_uri=https://spa.test/callback&response_type=code&scope=openid";
        assert_eq!(pushed(&parameters(bare), 1), Err("invalid_request".to_owned()), "no PKCE");
        let whole = format!("{bare}&code_challenge={CHALLENGE}&code_challenge_method=S256");
        assert!(pushed(&parameters(&whole), 1).is_ok());
    }

    #[test]
    fn o_4_only_our_own_names_are_names() {
        let token = token::<Pushed>(1);
        let asked = |uri: &str| named(&parameters("").with("request_uri", uri));
        assert_eq!(asked(&request_uri(&token)).unwrap().unwrap().hash(), token.hash());
        assert!(asked(URN).unwrap().is_none() && asked(&format!("{URN}dw_c_x")).unwrap().is_none());
        for uri in ["https://evil.test/request", "", "urn:other", token.expose()] {
            assert!(asked(uri).is_none(), "{uri}");
        }
    }
}
