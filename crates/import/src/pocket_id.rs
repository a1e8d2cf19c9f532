//! An archive that `pocket-id export` writes, as a plan.

mod people;
mod rows;
mod secret;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use doorward_core::{
    id::{GroupId, UserId},
    time::UnixTime,
    user::{Profile, claims::WrittenClaims},
    webauthn::imported::ImportedCredential,
};
use serde_json::Value;

use crate::zip::Archive;
use rows::Database;

/// The newest schema that is known: that of release 2.14.
pub const NEWEST: i64 = 20_260_814_120_000;
/// Largest `database.json`, in bytes.
const DATABASE_MAX: usize = 256 << 20;

/// What would be brought over, and what would not.
#[derive(Debug)]
pub struct Plan {
    /// The schema that the archive was written with: the number of its last migration.
    pub version: i64,
    /// The release that had it.
    pub release: &'static str,
    /// People, each with what is theirs.
    pub people: Vec<Person>,
    /// Groups.
    pub groups: Vec<Group>,
    /// The private key that signs tokens, as a JWK.
    pub signing_key: Option<SecretKey>,
    /// What was found of each kind, and what of it is brought over.
    pub kinds: Vec<Kind>,
    /// What is not brought over, or not as it is.
    pub skipped: Vec<Skipped>,
}

/// A person.
#[derive(Debug)]
pub struct Person {
    /// The same identifier as there: applications know the person by it, and passkeys answer with it.
    pub id: UserId,
    /// Names and address.
    pub profile: Profile,
    /// Names of groups.
    pub groups: BTreeSet<String>,
    /// Why the person is an administrator here, if so.
    pub administrator: Option<Administrator>,
    /// Whether the person may not sign in.
    pub disabled: bool,
    /// Since when the person is known.
    pub created_at: UnixTime,
    /// Passkeys.
    pub passkeys: Vec<ImportedCredential>,
    /// Claims of their own.
    pub claims: WrittenClaims,
    /// What the person allowed applications to learn.
    pub consents: Vec<Consent>,
}

/// Why somebody becomes an administrator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Administrator {
    /// They are one there.
    There,
    /// They are in a group of the name that administrators have here.
    ByGroup,
}

/// A group.
#[derive(Debug)]
pub struct Group {
    /// The same identifier as there.
    pub id: GroupId,
    /// The unique name.
    pub name: String,
    /// What people see.
    pub friendly_name: String,
    /// Since when.
    pub created_at: UnixTime,
    /// Claims of its members.
    pub claims: WrittenClaims,
}

/// A consent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Consent {
    /// The application's identifier.
    pub client_id: String,
    /// Scopes.
    pub scopes: Vec<String>,
    /// When it was last used.
    pub granted_at: UnixTime,
}

/// A private key, which is never printed.
pub struct SecretKey(pub Value);

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SecretKey(…)")
    }
}

/// How much there is of a kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kind {
    /// What: `people`, `passkeys`, ….
    pub name: &'static str,
    /// How many are in the archive.
    pub found: usize,
    /// How many are brought over.
    pub brought: usize,
}

/// Something that is not brought over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// What.
    pub what: String,
    /// Why, and what to do.
    pub why: String,
}

/// Kinds that can't be brought over, with what to do instead.
const LEFT: [(&str, &str, &str); 8] = [
    (
        "oidc_clients",
        "applications",
        "declare each one in [clients] of the configuration, with its identifier and secret",
    ),
    ("api_keys", "API keys", "make new ones where they are needed"),
    (
        "oauth2_sessions",
        "tokens of applications",
        "applications ask again by themselves; some ask people to sign in once",
    ),
    ("signup_tokens", "sign-up links", "make enrolment links"),
    ("apis", "APIs", "there is no counterpart"),
    ("scim_service_providers", "SCIM targets", "there is no counterpart"),
    ("audit_logs", "lines of the audit log", "keep the archive"),
    ("app_config_variables", "settings", "write what you need into the configuration"),
];

/// Reads an archive. `encryption_key` is the content of Pocket ID's `ENCRYPTION_KEY`.
///
/// # Errors
/// A sentence that says why the archive can't be used: nothing of it is.
pub fn plan(archive: &[u8], encryption_key: Option<&[u8]>) -> Result<Plan, String> {
    let archive = Archive::read(archive)?;
    let content = archive.entry("database.json", DATABASE_MAX)?;
    let content = content.ok_or("there is no database.json in it: it is no export of Pocket ID")?;
    let database = Database::read(&content)?;
    let release = release(database.version)?;
    let mut skipped = Vec::new();
    let groups = people::groups(&database, &mut skipped)?;
    let people = people::people(&database, &groups, &mut skipped)?;
    let signing_key = secret::signing_key(&database, encryption_key, &mut skipped)?;
    let mut kinds = counts(&database, &people, &groups, signing_key.is_some());
    for (table, name, why) in LEFT {
        let found = database.table(table).len();
        if found > 0 {
            kinds.push(Kind { name, found, brought: 0 });
            skipped.push(Skipped { what: format!("{found} {name}"), why: why.to_owned() });
        }
    }
    let pictures = archive.count("uploads/");
    if pictures > 0 {
        kinds.push(Kind { name: "pictures", found: pictures, brought: 0 });
        let why = "pictures of people and applications are not shown here".to_owned();
        skipped.push(Skipped { what: format!("{pictures} pictures"), why });
    }
    Ok(Plan { version: database.version, release, people, groups, signing_key, kinds, skipped })
}

fn counts(database: &Database, people: &[Person], groups: &[Group], key: bool) -> Vec<Kind> {
    let of = |count: fn(&Person) -> usize| people.iter().map(count).sum::<usize>();
    let memberships = people.iter().flat_map(|person| &person.groups);
    let known = |name: &&String| groups.iter().any(|group| group.name == **name);
    let claims: usize = groups.iter().map(|group| group.claims.iter().count()).sum();
    let kind = |name, table, brought| Kind { name, found: database.table(table).len(), brought };
    vec![
        kind("people", "users", people.len()),
        kind("passkeys", "webauthn_credentials", of(|person| person.passkeys.len())),
        kind("groups", "user_groups", groups.len()),
        kind("memberships", "user_groups_users", memberships.filter(known).count()),
        kind("claims", "custom_claims", claims + of(|person| person.claims.iter().count())),
        kind("consents", "user_authorized_oidc_clients", of(|person| person.consents.len())),
        Kind { name: "signing keys", found: secret::found(database), brought: usize::from(key) },
    ]
}

/// The release that first had this schema.
fn release(version: i64) -> Result<&'static str, String> {
    const RELEASES: [(i64, &str); 14] = [
        (20_260_814_120_000, "2.14"),
        (20_260_802_120_000, "2.13"),
        (20_260_727_120_000, "2.12"),
        (20_260_708_130_000, "2.11"),
        (20_260_708_120_000, "2.10"),
        (20_260_601_154_900, "2.9"),
        (20_260_518_222_000, "2.8"),
        (20_260_418_120_000, "2.6"),
        (20_260_304_090_200, "2.4"),
        (20_260_109_090_200, "2.2"),
        (20_251_229_173_100, "2.0"),
        (20_251_001_115_300, "1.12"),
        (20_250_917_170_000, "1.11"),
        (20_250_630_000_000, "1.6"),
    ];
    if version > NEWEST {
        return Err(format!(
            "it was written by a newer release (schema {version}, the newest that is known is {NEWEST}); nothing of it is taken"
        ));
    }
    if version <= 0 {
        return Err("it does not say which release wrote it".to_owned());
    }
    Ok(RELEASES.iter().find(|(first, _)| version >= *first).map_or("1.0", |(_, release)| release))
}

impl Plan {
    /// Says that something of it is not brought over after all.
    pub fn leave_out(&mut self, what: &str, why: &str) {
        for kind in self.kinds.iter_mut().filter(|kind| kind.name == "signing keys") {
            kind.brought = usize::from(self.signing_key.is_some());
        }
        self.skipped.push(Skipped { what: what.to_owned(), why: why.to_owned() });
    }
}
