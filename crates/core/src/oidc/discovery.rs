//! What we publish about ourselves (OpenID Connect Discovery section 3, RFC 8414 section 2): only what we do.

use serde_json::{Value, json};

use super::{claims, prompt::Prompt, response::ResponseMode};
use crate::{
    http::origin::Origin,
    jose::{Algorithm, key_ring::KeyRing},
    oauth::{
        grant_type::{GrantType, REFRESH_TOKEN},
        scope::Scope,
    },
    time::Lifetime,
};

/// Path of the authorization endpoint.
pub const AUTHORIZE: &str = "/authorize";
/// Path of the token endpoint.
pub const TOKEN: &str = "/api/oidc/token";
/// Path of the pushed authorization request endpoint (RFC 9126).
pub const PUSH: &str = "/api/oidc/par";
/// Path of the device authorization endpoint (RFC 8628).
pub const DEVICE_AUTHORIZATION: &str = "/api/oidc/device/authorize";
/// Path of the page where people enter a device's code.
pub const DEVICE: &str = "/device";
/// Path of the userinfo endpoint.
pub const USERINFO: &str = "/api/oidc/userinfo";
/// Path of the introspection endpoint (RFC 7662).
pub const INTROSPECT: &str = "/api/oidc/introspect";
/// Path of the revocation endpoint (RFC 7009).
pub const REVOKE: &str = "/api/oidc/revoke";
/// Path of the end-session endpoint.
pub const END_SESSION: &str = "/api/oidc/end-session";
/// Path of the key set.
pub const JWKS: &str = "/.well-known/jwks.json";
/// How long caches may keep the key set: short enough that a revoked key is forgotten soon.
pub const KEY_SET_AGE: Lifetime = Lifetime::minutes(15);
/// Path of this document (OpenID Connect Discovery section 4).
pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
/// Path of the same document for OAuth clients (RFC 8414 section 3).
pub const OAUTH_AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";

/// Path of WebFinger (RFC 7033 section 4).
pub const WEBFINGER: &str = "/.well-known/webfinger";

/// The document for both paths.
pub fn document(issuer: &Origin, keys: &KeyRing) -> Value {
    let url = |path: &str| format!("{issuer}{path}");
    let algorithms: Vec<&str> = keys.algorithms().into_iter().map(Algorithm::name).collect();
    let grants: Vec<&str> = GrantType::ALL.map(GrantType::name).into_iter().chain([REFRESH_TOKEN]).collect();
    json!({
        "issuer": issuer.as_str(),
        "authorization_endpoint": url(AUTHORIZE),
        "token_endpoint": url(TOKEN),
        "pushed_authorization_request_endpoint": url(PUSH),
        "require_pushed_authorization_requests": false,
        "device_authorization_endpoint": url(DEVICE_AUTHORIZATION),
        "userinfo_endpoint": url(USERINFO),
        "introspection_endpoint": url(INTROSPECT),
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint": url(REVOKE),
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "end_session_endpoint": url(END_SESSION),
        "jwks_uri": url(JWKS),
        "scopes_supported": Scope::ALL.map(Scope::name),
        "claims_supported": claims::SUPPORTED,
        "acr_values_supported": [claims::PHISHING_RESISTANT],
        "response_types_supported": ["code"],
        "response_modes_supported": ResponseMode::ALL.map(ResponseMode::name),
        "grant_types_supported": grants,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "userinfo_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": Prompt::VALUES,
        "authorization_response_iss_parameter_supported": true,
        "claims_parameter_supported": true,
        "request_parameter_supported": false,
        // Without it, clients would have to assume that it is supported.
        "request_uri_parameter_supported": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::key_ring::tests::ring;

    #[test]
    fn the_document_lists_what_we_do() {
        let issuer = Origin::parse("https://id.example.org").unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&document(&issuer, &ring(&[1]))).unwrap());
    }

    #[test]
    fn o_15_nothing_is_offered_that_rfc_9700_advises_against() {
        let issuer = Origin::parse("http://id.localhost:8080").unwrap();
        let text = document(&issuer, &ring(&[1])).to_string();
        for word in ["password", "implicit", "token id_token", "plain", "\"none\"]}", "HS256"] {
            assert!(!text.contains(word), "{word}");
        }
        assert!(text.contains("http://id.localhost:8080/api/oidc/token"));
    }
}
