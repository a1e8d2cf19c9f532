//! The `claims` parameter (OpenID Connect Core section 5.5).
//!
//! A claim that is asked for by name is granted with the scope that it belongs to, which is what the person is asked and
//! what the token's `scope` says. `auth_time` is always told. An essential `acr` is met or the request fails; a `sub`
//! with a value is whom the client expects.

use serde_json::{Map, Value};

use super::claims::PHISHING_RESISTANT;
use crate::{
    id::UserId,
    oauth::scope::{Scope, ScopeSet},
};

/// What the parameter asks for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ClaimsRequest {
    scope: ScopeSet,
    subject: Option<UserId>,
    acr: bool,
}

/// Why the parameter is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClaimsError {
    /// It is not the JSON that section 5.5 describes.
    Malformed,
    /// It demands an `acr` that we never give.
    Unmet,
    /// It names a `sub` that nobody has.
    Nobody,
}

impl ClaimsRequest {
    /// Reads the parameter. What it asks for that we do not know is left out, as section 5.5.1 wants it.
    pub fn parse(text: &str) -> Result<Self, ClaimsError> {
        let all: Map<String, Value> = serde_json::from_str(text).map_err(|_| ClaimsError::Malformed)?;
        let mut request = Self::default();
        for member in ["userinfo", "id_token"] {
            match all.get(member) {
                None | Some(Value::Null) => {}
                Some(Value::Object(claims)) => request.add(claims, member == "id_token")?,
                Some(_) => return Err(ClaimsError::Malformed),
            }
        }
        Ok(request)
    }

    fn add(&mut self, claims: &Map<String, Value>, in_id_token: bool) -> Result<(), ClaimsError> {
        for (name, how) in claims {
            let how = match how {
                Value::Null => None,
                Value::Object(how) => Some(how),
                _ => return Err(ClaimsError::Malformed),
            };
            match (name.as_str(), how) {
                ("acr", Some(how)) if in_id_token => self.acr |= demands_acr(how)?,
                ("sub", Some(how)) => self.subject = subject(how)?.or(self.subject),
                (name, _) => self.scope = self.scope.union(scope_of(name)),
            }
        }
        Ok(())
    }

    /// The scopes to which the claims belong.
    pub const fn scope(&self) -> ScopeSet {
        self.scope
    }

    /// Whom the client expects.
    pub const fn subject(&self) -> Option<UserId> {
        self.subject
    }

    /// Whether the sign-in must be by a passkey.
    pub const fn needs_phishing_resistance(&self) -> bool {
        self.acr
    }
}

/// Whether `acr` is essential; what it demands is then what we can give.
fn demands_acr(how: &Map<String, Value>) -> Result<bool, ClaimsError> {
    if how.get("essential") != Some(&Value::Bool(true)) {
        return Ok(false);
    }
    let listed = match how.get("values") {
        None => Vec::new(),
        Some(Value::Array(values)) => values.iter().collect(),
        Some(_) => return Err(ClaimsError::Malformed),
    };
    let values: Vec<&Value> = how.get("value").into_iter().chain(listed).collect();
    let met = values.is_empty() || values.iter().any(|value| value.as_str() == Some(PHISHING_RESISTANT));
    if met { Ok(true) } else { Err(ClaimsError::Unmet) }
}

fn subject(how: &Map<String, Value>) -> Result<Option<UserId>, ClaimsError> {
    let Some(value) = how.get("value") else { return Ok(None) };
    let text = value.as_str().ok_or(ClaimsError::Malformed)?;
    UserId::parse(text).map(Some).map_err(|_| ClaimsError::Nobody)
}

fn scope_of(claim: &str) -> ScopeSet {
    let scope = match claim {
        "name" | "given_name" | "family_name" | "display_name" | "preferred_username" => Some(Scope::Profile),
        "email" | "email_verified" => Some(Scope::Email),
        "groups" => Some(Scope::Groups),
        _ => None,
    };
    scope.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, ClaimsError> {
        ClaimsRequest::parse(text).map(|request| {
            let acr = if request.acr { " acr" } else { "" };
            format!("{}{acr} {}", request.scope, request.subject.map_or("anybody", |_| "somebody"))
        })
    }

    #[test]
    fn o_16_claims_by_name_are_of_the_scope_that_they_belong_to() {
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(read("{}"), ok(" anybody"));
        assert_eq!(read(r#"{"userinfo":{"email":null,"nickname":{"essential":true}}}"#), ok("email anybody"));
        let both =
            r#"{"userinfo":{"groups":null},"id_token":{"given_name":{"essential":true},"auth_time":null}}"#;
        assert_eq!(read(both), ok("profile groups anybody"));
        for text in ["", "[]", "null", "x", r#"{"userinfo":[]}"#, r#"{"id_token":{"email":true}}"#] {
            assert_eq!(read(text), Err(ClaimsError::Malformed), "{text}");
        }
        let deep = format!(r#"{{"userinfo":{{"x":{}1{}}}}}"#, "[".repeat(2000), "]".repeat(2000));
        assert_eq!(read(&deep), Err(ClaimsError::Malformed));
    }

    #[test]
    fn o_28_an_essential_acr_and_a_subject_are_demands() {
        let acr = |how: &str| read(&format!(r#"{{"id_token":{{"acr":{how}}}}}"#));
        let ok = |text: &str| Ok(text.to_owned());
        for how in ["null", "{}", r#"{"values":["mfa"]}"#, r#"{"essential":false,"value":"mfa"}"#] {
            assert_eq!(acr(how), ok(" anybody"), "{how}");
        }
        for how in [
            r#"{"essential":true}"#,
            r#"{"essential":true,"values":["mfa","phr"]}"#,
            r#"{"essential":true,"value":"phr"}"#,
        ] {
            assert_eq!(acr(how), ok(" acr anybody"), "{how}");
        }
        for how in [r#"{"essential":true,"values":["mfa"]}"#, r#"{"essential":true,"value":"phrh"}"#] {
            assert_eq!(acr(how), Err(ClaimsError::Unmet), "{how}");
        }
        assert_eq!(acr(r#"{"essential":true,"values":"phr"}"#), Err(ClaimsError::Malformed));
        let sub = |value: &str| read(&format!(r#"{{"id_token":{{"sub":{{"value":{value}}}}}}}"#));
        let ada = format!("\"{}\"", UserId::from_random([1; 16]));
        assert_eq!(sub(&ada), ok(" somebody"));
        assert_eq!((sub("\"ada\""), sub("1")), (Err(ClaimsError::Nobody), Err(ClaimsError::Malformed)));
    }
}
