//! WebFinger (RFC 7033) for the one thing that it says about everybody alike: who their issuer is (OpenID Connect Discovery
//! section 2). Whether somebody exists is never told.

use serde_json::{Value, json};

use crate::{http::origin::Origin, oauth::parameters::Parameters};

/// The one relation that we tell.
const ISSUER: &str = "http://openid.net/specs/connect/1.0/issuer";

/// Longest resource that is read, in bytes.
const RESOURCE_MAX: usize = 320;

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WebFingerError {
    /// No `resource`, or none that can be one: 400 (RFC 7033 section 4.2).
    Malformed,
    /// It is not of our domain: 404.
    Elsewhere,
}

/// What is said about a resource: an account of `domain` or a host below it, or our own address.
pub fn answer(parameters: &Parameters, issuer: &Origin, domain: &str) -> Result<Value, WebFingerError> {
    let resource = parameters.value("resource").ok_or(WebFingerError::Malformed)?;
    let fit = resource.len() <= RESOURCE_MAX && resource.bytes().all(|byte| byte.is_ascii_graphic());
    if !fit {
        return Err(WebFingerError::Malformed);
    }
    if !is_ours(resource, issuer, domain) {
        return Err(WebFingerError::Elsewhere);
    }
    let asked = parameters.value("rel").is_none_or(|rel| rel == ISSUER);
    let links = if asked { json!([{ "rel": ISSUER, "href": issuer.as_str() }]) } else { json!([]) };
    Ok(json!({ "subject": resource, "links": links }))
}

fn is_ours(resource: &str, issuer: &Origin, domain: &str) -> bool {
    if let Some(account) = resource.strip_prefix("acct:") {
        return account
            .rsplit_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && is_below(host, domain));
    }
    let rest = resource.strip_prefix(issuer.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether `host` is the domain or below it, in any case of letters.
fn is_below(host: &str, domain: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let below = host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    below && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::fixtures::issuer;

    fn asked(resource: &str, rel: &str) -> Result<usize, WebFingerError> {
        let parameters = Parameters::default().with("resource", resource).with("rel", rel);
        let answer = answer(&parameters, &issuer(), "example.org")?;
        assert_eq!(answer["subject"], resource);
        Ok(answer["links"].as_array().unwrap().len())
    }

    #[test]
    fn d_12_only_our_issuer_is_told_and_nothing_about_people() {
        for resource in [
            "acct:ada@example.org",
            "acct:nobody@Example.ORG",
            "acct:a@b@example.org",
            "acct:x@mail.example.org",
        ] {
            assert_eq!(
                (asked(resource, ""), asked(resource, ISSUER), asked(resource, "avatar")),
                (Ok(1), Ok(1), Ok(0))
            );
        }
        for resource in ["https://id.example.org", "https://id.example.org/ada"] {
            assert_eq!(asked(resource, ISSUER), Ok(1), "{resource}");
        }
        for resource in [
            "acct:ada@evil.test",
            "acct:ada@evilexample.org",
            "acct:@example.org",
            "acct:ada",
            "acct:ada@evil.test/.example.org",
            "mailto:ada@example.org",
            "https://id.example.org.evil.test/",
            "https://evil.test/",
        ] {
            assert_eq!(asked(resource, ""), Err(WebFingerError::Elsewhere), "{resource}");
        }
        let long = format!("acct:{}@example.org", "x".repeat(320));
        for resource in ["", "acct:a b@example.org", &long] {
            assert_eq!(asked(resource, ""), Err(WebFingerError::Malformed), "{resource}");
        }
    }
}
