//! What a client is told in words of its own: claims under other names, a choice of groups, constants.
//!
//! Rules are about what the scopes grant: none of them tells a client more about a person than it may know.

use serde_json::{Map, Value};

/// Claims that say whom a token is from, for and about, or what it proves. No rule can write them: an address that
/// `email_verified` vouches for is among them, because applications find accounts by it.
pub const RESERVED: [&str; 23] = [
    "iss",
    "sub",
    "aud",
    "azp",
    "exp",
    "iat",
    "nbf",
    "jti",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "at_hash",
    "c_hash",
    "sid",
    "cnf",
    "act",
    "client_id",
    "scope",
    "events",
    "sub_jwk",
    "email_verified",
    "email",
];

/// What a rule may read.
pub const SOURCES: [&str; 5] = ["name", "display_name", "preferred_username", "email", "groups"];

/// Writes one claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimRule {
    name: String,
    within: Option<String>,
    source: Source,
}

/// Where a claim's value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// A claim of the person, if the scopes grant it.
    Claim {
        /// One of [`SOURCES`].
        name: &'static str,
        /// What is put in front of a text, and of each group.
        prefix: String,
        /// The groups to tell; `None` for all.
        groups: Option<Vec<String>>,
    },
    /// The same text for everybody.
    Constant(String),
}

/// The claim is one of [`RESERVED`], or has no name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reserved;

impl ClaimRule {
    /// A rule that writes the claim `name`, inside of the object `within` if there is one.
    ///
    /// # Errors
    /// [`Reserved`] for a claim that no rule can write.
    pub fn new(name: &str, within: Option<&str>, source: Source) -> Result<Self, Reserved> {
        let outermost = within.unwrap_or(name);
        // An object in place of a claim that we send would be the same as writing it.
        let taken = RESERVED.contains(&outermost) || (within.is_some() && SOURCES.contains(&outermost));
        if name.is_empty() || outermost.is_empty() || taken {
            return Err(Reserved);
        }
        Ok(Self { name: name.to_owned(), within: within.map(str::to_owned), source })
    }

    fn value(&self, granted: &Map<String, Value>) -> Option<Value> {
        let (name, prefix, groups) = match &self.source {
            Source::Constant(text) => return Some(Value::String(text.clone())),
            Source::Claim { name, prefix, groups } => (name, prefix, groups),
        };
        let told = |text: &str| groups.as_ref().is_none_or(|groups| groups.iter().any(|group| group == text));
        match granted.get(*name)? {
            Value::String(text) => Some(Value::String(format!("{prefix}{text}"))),
            Value::Array(texts) => {
                let texts = texts.iter().filter_map(Value::as_str).filter(|text| told(text));
                Some(Value::Array(texts.map(|text| Value::String(format!("{prefix}{text}"))).collect()))
            }
            _ => None,
        }
    }
}

/// The claims after all rules. Each rule reads what the scopes grant, not what another rule wrote, so their order does
/// not matter unless two write the same claim: then the last one counts.
pub fn apply(rules: &[ClaimRule], granted: &Map<String, Value>) -> Map<String, Value> {
    let mut claims = granted.clone();
    for rule in rules {
        let Some(value) = rule.value(granted) else { continue };
        let Some(within) = &rule.within else {
            claims.insert(rule.name.clone(), value);
            continue;
        };
        let object = claims.entry(within.clone()).or_insert_with(|| Value::Object(Map::new()));
        if !object.is_object() {
            *object = Value::Object(Map::new());
        }
        if let Some(object) = object.as_object_mut() {
            object.insert(rule.name.clone(), value);
        }
    }
    claims
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn granted() -> Map<String, Value> {
        let claims =
            json!({ "sub": "u1", "name": "Ada", "email_verified": true, "groups": ["admins", "users"] });
        claims.as_object().unwrap().clone()
    }

    fn from(name: &'static str, prefix: &str, groups: Option<&[&str]>) -> Source {
        let groups = groups.map(|groups| groups.iter().map(|group| (*group).to_owned()).collect());
        Source::Claim { name, prefix: prefix.to_owned(), groups }
    }

    fn told(name: &str, within: Option<&str>, source: Source) -> Value {
        let before = granted();
        let mut after = apply(&[ClaimRule::new(name, within, source).unwrap()], &before);
        let written = after.remove(within.unwrap_or(name)).unwrap_or(Value::Null);
        let rest = before.into_iter().filter(|(other, _)| other != name).collect::<Map<_, _>>();
        assert!(
            rest.iter().all(|(other, value)| after.get(other) == Some(value)),
            "{name} changed another claim"
        );
        written
    }

    #[test]
    fn a_claim_has_another_name_a_prefix_a_choice_or_a_place() {
        let chosen = Some(&["admins", "others"][..]);
        for (name, within, source, expected) in [
            ("roles", None, from("groups", "", None), json!(["admins", "users"])),
            ("roles", None, from("groups", "app:", chosen), json!(["app:admins"])),
            ("roles", None, from("groups", "", Some(&[])), json!([])),
            ("groups", None, from("groups", "", chosen), json!(["admins"])),
            ("roles", Some("realm_access"), from("groups", "", chosen), json!({ "roles": ["admins"] })),
            ("nick", None, from("name", "x-", None), json!("x-Ada")),
            ("tenant", None, Source::Constant("home".to_owned()), json!("home")),
            // What the scopes do not grant is not told under another name.
            ("mail", None, from("email", "", None), Value::Null),
            ("mail", Some("user"), from("email", "", None), Value::Null),
        ] {
            assert_eq!(told(name, within, source), expected, "{name} {within:?}");
        }
    }

    #[test]
    fn no_rule_writes_what_a_token_proves() {
        for name in RESERVED {
            let constant = || Source::Constant("mallory".to_owned());
            assert_eq!(ClaimRule::new(name, None, constant()), Err(Reserved), "{name}");
            assert_eq!(ClaimRule::new("x", Some(name), constant()), Err(Reserved), "{name}");
        }
        let constant = Source::Constant(String::new());
        assert_eq!(ClaimRule::new("", None, constant.clone()), Err(Reserved));
        assert_eq!(ClaimRule::new("x", Some(""), constant.clone()), Err(Reserved));
        assert_eq!(ClaimRule::new("x", Some("email"), constant), Err(Reserved));
    }

    #[test]
    fn rules_do_not_read_each_other() {
        let rules = [
            ClaimRule::new("groups", None, from("groups", "", Some(&["users"]))).unwrap(),
            ClaimRule::new("roles", None, from("groups", "", None)).unwrap(),
            ClaimRule::new("a", Some("o"), Source::Constant("1".to_owned())).unwrap(),
            ClaimRule::new("b", Some("o"), Source::Constant("2".to_owned())).unwrap(),
        ];
        let claims = apply(&rules, &granted());
        assert_eq!(claims["groups"], json!(["users"]));
        assert_eq!(claims["roles"], json!(["admins", "users"]));
        assert_eq!(claims["o"], json!({ "a": "1", "b": "2" }));
    }
}
