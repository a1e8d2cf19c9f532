//! `[clients.<name>]`.

use std::{path::PathBuf, sync::Arc};

use doorward_core::{
    jose::Algorithm,
    oauth::{client::Client, redirect_uri},
    policy::{Allow, Policy},
};

use super::{
    Source, names,
    policy::{self, Policies},
    reader::{Findings, Place, Section, Text},
    suggest,
    tree::Entry,
    value,
};

/// A client whose secrets are still in their files.
#[derive(Clone, Debug)]
pub struct DeclaredClient {
    /// The client; its `client_id` is empty and its `secret` absent where they come from files.
    pub client: Client,
    /// File of its identifier.
    pub id_file: Option<PathBuf>,
    /// File of its secret.
    pub secret_file: Option<PathBuf>,
}

pub(super) fn read(
    place: &Place,
    entry: &Entry,
    source: &Source,
    findings: &Findings,
    policies: &Policies,
) -> Option<DeclaredClient> {
    names::check(&entry.name, place, findings);
    let mut section = Section::new(place.clone(), &entry.node, findings)?;
    let (client_id, id_file) = identifier(&mut section, source);
    let secret_file = secret(&mut section, source);
    let public = secret_file.is_none();
    let redirect_uris = uris(&mut section, "redirect_uris", true);
    let post_logout_redirect_uris = uris(&mut section, "post_logout_redirect_uris", false);
    let policy = who(&mut section, &entry.name, policies);
    let title = section.text(&["title"]).map_or_else(|| entry.name.clone(), |text| text.text);
    let consent = section.boolean("consent", true);
    let require_pkce = section.boolean("require_pkce", public);
    let id_token_alg = algorithm(&mut section);
    if public && !require_pkce {
        findings.add(
            "E009",
            place,
            "a public client without PKCE would let anyone redeem a stolen code",
            "remove `require_pkce = false`",
        );
    }
    section.finish();
    let client = Client {
        name: entry.name.clone(),
        client_id: client_id.unwrap_or_default(),
        title,
        secret: None,
        redirect_uris,
        post_logout_redirect_uris,
        policy: policy.unwrap_or_else(|| policy::named(&entry.name, Allow::AnyOf(Vec::new()), None)),
        consent,
        require_pkce,
        id_token_alg,
    };
    Some(DeclaredClient { client, id_file, secret_file })
}

fn identifier(section: &mut Section<'_>, source: &Source) -> (Option<String>, Option<PathBuf>) {
    let inline = section.text(&["client_id"]);
    let file = section.text(&["client_id_file", "clientIdFile"]);
    match (inline, file) {
        (Some(text), None) => {
            if !is_client_id(&text.text) {
                section.findings.add(
                    "E005",
                    &text.place,
                    "this can't be a client identifier",
                    "use 1 to 255 visible characters",
                );
            }
            (Some(text.text), None)
        }
        (None, Some(file)) => (None, Some(value::file(source, &file))),
        (Some(_), Some(file)) => {
            section.findings.add(
                "E008",
                &file.place,
                "`client_id` beside `client_id_file`",
                "remove one of them",
            );
            (None, None)
        }
        (None, None) if !section.lacks(&["client_id", "client_id_file", "clientIdFile"]) => (None, None),
        (None, None) => {
            section
                .missing("client_id", "write client_id = \"…\", or client_id_file with the path of a file");
            (None, None)
        }
    }
}

/// Whether this can be a client identifier (RFC 6749 appendix A.1, without spaces).
pub(super) fn is_client_id(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn secret(section: &mut Section<'_>, source: &Source) -> Option<PathBuf> {
    let file = section.text(&["client_secret_file", "clientSecretFile"]);
    let public = section.boolean("public", false);
    match (&file, public) {
        (Some(file), true) => {
            section.findings.add("E008", &file.place, "a public client has no secret", "remove one of them");
        }
        (None, false) if section.lacks(&["client_secret_file", "clientSecretFile"]) => section.missing(
            "client_secret_file",
            "name the file of the secret, or write public = true for a client that can't keep one",
        ),
        _ => {}
    }
    file.map(|file| value::file(source, &file))
}

fn uris(section: &mut Section<'_>, name: &'static str, needed: bool) -> Vec<String> {
    let found = section.texts(&[name]);
    let listed = found.as_ref().is_some_and(|(_, texts)| !texts.is_empty());
    if needed && !listed && (found.is_some() || section.lacks(&[name])) {
        section.missing(name, "write where the application expects its answers; it documents the address");
    }
    let texts = found.map(|(_, texts)| texts).unwrap_or_default();
    for text in &texts {
        if let Err(problem) = redirect_uri::check_registered(&text.text) {
            section.findings.add(
                "E005",
                &text.place,
                format!("`{}` can't be used: {problem}", text.text),
                "write the whole address, as the application sends it",
            );
        }
    }
    texts.into_iter().map(|text| text.text).collect()
}

fn who(section: &mut Section<'_>, name: &str, policies: &Policies) -> Option<Arc<Policy>> {
    let policy = section.text(&["policy"]);
    let groups = section.texts(&["allowed_groups", "allowedGroups"]);
    match (policy, groups) {
        (Some(policy), None) => policy::find(policies, &policy, section.findings),
        (None, Some((place, texts))) => Some(of_groups(name, &place, texts, section.findings)),
        (Some(policy), Some(_)) => {
            section.findings.add(
                "E008",
                &policy.place,
                "`policy` beside `allowed_groups`",
                "remove one of them",
            );
            None
        }
        (None, None) if !section.lacks(&["policy", "allowed_groups", "allowedGroups"]) => None,
        (None, None) => {
            section.missing(
                "policy",
                "write who may use the client: policy = \"users\", or allowed_groups = [\"…\"]",
            );
            None
        }
    }
}

fn of_groups(name: &str, place: &Place, texts: Vec<Text>, findings: &Findings) -> Arc<Policy> {
    if texts.is_empty() {
        findings.add(
            "E009",
            place,
            "an empty list of groups is nobody",
            "name a policy with `anyone = true` if everybody may use it",
        );
    }
    let groups = policy::groups(texts, findings);
    Arc::new(Policy { name: format!("clients.{name}"), allow: Allow::AnyOf(groups), networks: None })
}

fn algorithm(section: &mut Section<'_>) -> Algorithm {
    let Some(text) = section.text(&["id_token_alg"]) else {
        return Algorithm::Rs256;
    };
    Algorithm::from_name(&text.text).unwrap_or_else(|| {
        let names = Algorithm::ALL.map(Algorithm::name);
        section.findings.add(
            "E005",
            &text.place,
            format!("there is no algorithm `{}`", text.text),
            suggest::help(&text.text, &names),
        );
        Algorithm::Rs256
    })
}
