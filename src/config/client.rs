//! `[clients.<name>]`.

mod claims;

use std::{path::PathBuf, sync::Arc};

use doorward_core::{
    jose::Algorithm,
    oauth::{
        client::{Client, ClientKind, RedirectUris, SECRETS_MAX, TokenLifetimes},
        grant_type::GrantType,
        redirect_uri::{self, Pattern, Unfit},
    },
    policy::{Allow, Policy},
    rfc3339,
    time::{Lifetime, UnixTime},
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
    /// The client; its `client_id` is empty where it comes from a file, and its secrets are not there yet.
    pub client: Client,
    /// File of its identifier.
    pub id_file: Option<PathBuf>,
    /// Files of its secrets; none for a public client.
    pub secret_files: Vec<SecretFile>,
}

/// A file of a secret.
#[derive(Clone, Debug)]
pub struct SecretFile {
    /// Its path.
    pub file: PathBuf,
    /// Until when the secret is good.
    pub expires_at: Option<UnixTime>,
    /// Whether it is made when the server starts and finds none.
    pub generate: bool,
}

/// Shortest and longest lifetime of a token, in seconds.
const TOKEN_SECONDS: (u32, u32) = (60, 365 * 86_400);

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
    let (public, secret_files) = secrets(&mut section, source);
    let grants = grants(&mut section, public);
    let redirect_uris = redirect_uris(&mut section, grants.contains(&GrantType::AuthorizationCode));
    let post_logout_redirect_uris = uris(&mut section, "post_logout_redirect_uris");
    let of_people = grants.iter().any(|grant| grant.is_of_a_person());
    let policy = who(&mut section, &entry.name, policies, of_people)
        .unwrap_or_else(|| policy::named(&entry.name, Allow::AnyOf(Vec::new()), None));
    let new = Client::new(&entry.name, &client_id.unwrap_or_default(), policy);
    let client = Client {
        title: section.text(&["title"]).map_or_else(|| entry.name.clone(), |text| text.text),
        kind: if public { ClientKind::Public } else { ClientKind::Confidential(Vec::new()) },
        redirect_uris,
        post_logout: RedirectUris { exact: post_logout_redirect_uris, patterns: Vec::new() },
        grants,
        consent: section.boolean("consent", true),
        reauthenticate: section.boolean("reauthenticate", false),
        require_pkce: section.boolean("require_pkce", public),
        require_par: section.boolean("require_par", false),
        id_token_alg: algorithm(&mut section, "id_token_alg").unwrap_or(Algorithm::Rs256),
        userinfo_alg: algorithm(&mut section, "userinfo_alg"),
        lifetimes: lifetimes(&mut section),
        claims: claims::read(&mut section),
        launch_url: launch_url(&mut section),
        ..new
    };
    if public && !client.require_pkce {
        findings.add(
            "E009",
            place,
            "a public client without PKCE would let anyone redeem a stolen code",
            "remove `require_pkce = false`",
        );
    }
    section.finish();
    Some(DeclaredClient { client, id_file, secret_files })
}

fn lifetimes(section: &mut Section<'_>) -> TokenLifetimes {
    let default = TokenLifetimes::default();
    let mut read =
        |name: &'static str, default: Lifetime| value::lifetime(section, name, TOKEN_SECONDS, default);
    TokenLifetimes {
        access: read("access_token_lifetime", default.access),
        refresh: read("refresh_token_lifetime", default.refresh),
        id: read("id_token_lifetime", default.id),
    }
}

fn launch_url(section: &mut Section<'_>) -> Option<String> {
    let text = section.text(&["launch_url"])?;
    let web = text.text.starts_with("https://") || text.text.starts_with("http://");
    let sound = match redirect_uri::check_registered(&text.text) {
        // It is an address to open, and nothing secret is sent there.
        Ok(()) | Err(Unfit::ClearText) => web,
        Err(_) => false,
    };
    if !sound {
        section.findings.add(
            "E005",
            &text.place,
            format!("`{}` can't be opened from the launcher", text.text),
            "write an address that begins with https://",
        );
    }
    sound.then_some(text.text)
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

const SECRET_KEYS: [&str; 3] = ["client_secret_file", "clientSecretFile", "client_secrets"];

/// Whether the client is public, and the files of its secrets.
fn secrets(section: &mut Section<'_>, source: &Source) -> (bool, Vec<SecretFile>) {
    let file = section.text(&["client_secret_file", "clientSecretFile"]);
    let listed = !section.lacks(&["client_secrets"]);
    let place = section.place_of("client_secrets");
    let mut files: Vec<_> =
        section.tables(&["client_secrets"]).into_iter().filter_map(|table| secret(table, source)).collect();
    let public = section.boolean("public", false);
    let generate = section.boolean("generate_secret", false);
    if generate && file.is_none() {
        let place = section.place_of("generate_secret");
        let help = "write client_secret_file with the path that it gets, or remove generate_secret";
        section.findings.add("E008", &place, "there is no file to put a secret into", help);
    }
    let beside = file.as_ref().map(|file| &file.place).or_else(|| listed.then_some(&place));
    match beside {
        Some(place) if public => {
            section.findings.add("E008", place, "a public client has no secret", "remove one of them");
        }
        Some(_) if file.is_some() && listed => section.findings.add(
            "E008",
            &place,
            "`client_secrets` beside `client_secret_file`",
            "put all files into `client_secrets`",
        ),
        Some(_) if listed && (section.is_empty_list("client_secrets") || files.len() > SECRETS_MAX) => {
            let message = format!("a client has 1 to {SECRETS_MAX} secrets");
            let help = format!("name 1 to {SECRETS_MAX} files, or write public = true");
            section.findings.add("E005", &place, message, help);
        }
        None if !public && section.lacks(&SECRET_KEYS) => section.missing(
            "client_secret_file",
            "name the file of the secret, or write public = true for a client that can't keep one",
        ),
        _ => {}
    }
    files.extend(file.map(|file| SecretFile {
        file: value::file(source, &file),
        expires_at: None,
        generate,
    }));
    (public, files)
}

fn secret(mut table: Section<'_>, source: &Source) -> Option<SecretFile> {
    let file = table.required(&["file"], "name the file of the secret");
    let expires = table.text(&["expires"]);
    let expires_at = expires.as_ref().and_then(|text| rfc3339::parse(&text.text));
    if let Some(text) = expires.filter(|_| expires_at.is_none()) {
        table.findings.add(
            "E005",
            &text.place,
            format!("`{}` is no date", text.text),
            "write a date such as 2027-01-31, or 2027-01-31T12:00:00Z",
        );
    }
    table.finish();
    Some(SecretFile { file: value::file(source, &file?), expires_at, generate: false })
}

/// The grants that are declared. Nobody proves to be a public client, so it gets nothing for itself.
fn grants(section: &mut Section<'_>, public: bool) -> Vec<GrantType> {
    let Some((place, texts)) = section.texts(&["grants"]) else {
        return vec![GrantType::AuthorizationCode];
    };
    let mut grants = Vec::new();
    for text in &texts {
        let words = GrantType::ALL.map(GrantType::word);
        match GrantType::from_word(&text.text) {
            Some(GrantType::ClientCredentials) if public => section.findings.add(
                "E009",
                &text.place,
                "anybody could get the tokens of a public client for itself",
                "give the client a secret, or remove the grant",
            ),
            Some(grant) if !grants.contains(&grant) => grants.push(grant),
            Some(_) => {}
            None => {
                let message = format!("there is no grant `{}`", text.text);
                section.findings.add("E005", &text.place, message, suggest::help(&text.text, &words));
            }
        }
    }
    if texts.is_empty() {
        let message = "a client without a grant gets no tokens";
        section.findings.add("E005", &place, message, "remove `grants`, or write what it needs");
    }
    grants
}

fn redirect_uris(section: &mut Section<'_>, needed: bool) -> RedirectUris {
    let names = ["redirect_uris", "redirect_uri_patterns"];
    let written = names.iter().any(|name| !section.lacks(&[name]) && !section.is_empty_list(name));
    if needed && !written {
        section
            .missing(names[0], "write where the application expects its answers; it documents the address");
    }
    RedirectUris { exact: uris(section, names[0]), patterns: patterns(section, names[1]) }
}

fn patterns(section: &mut Section<'_>, name: &'static str) -> Vec<Pattern> {
    let texts = section.texts(&[name]).map(|(_, texts)| texts).unwrap_or_default();
    let read = |text: Text| match Pattern::parse(&text.text) {
        Ok(pattern) => Some(pattern),
        Err(problem) => {
            section.findings.add(
                "E005",
                &text.place,
                format!("`{}` can't be used: {problem}", text.text),
                "write a whole address; `*` may stand for a label of its host before the last two, its port, or within a segment or a value",
            );
            None
        }
    };
    texts.into_iter().filter_map(read).collect()
}

fn uris(section: &mut Section<'_>, name: &'static str) -> Vec<String> {
    let texts = section.texts(&[name]).map(|(_, texts)| texts).unwrap_or_default();
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

fn who(section: &mut Section<'_>, name: &str, policies: &Policies, needed: bool) -> Option<Arc<Policy>> {
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
        (None, None) if !needed || !section.lacks(&["policy", "allowed_groups", "allowedGroups"]) => None,
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

fn algorithm(section: &mut Section<'_>, name: &'static str) -> Option<Algorithm> {
    let text = section.text(&[name])?;
    let algorithm = Algorithm::from_name(&text.text);
    if algorithm.is_none() {
        let names = Algorithm::ALL.map(Algorithm::name);
        let message = format!("there is no algorithm `{}`", text.text);
        section.findings.add("E005", &text.place, message, suggest::help(&text.text, &names));
    }
    algorithm
}
