//! People and groups.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use doorward_core::{
    id::{GroupId, UserId},
    identity::ADMINISTRATORS,
    time::UnixTime,
    user::{self, Profile, Username, claims::WrittenClaims},
    webauthn::imported::{Export, ImportedCredential},
};

use super::{
    Administrator, Consent, Group, Person, Skipped,
    rows::{Database, Row},
};

fn skip(skipped: &mut Vec<Skipped>, what: impl Into<String>, why: impl std::fmt::Display) {
    skipped.push(Skipped { what: what.into(), why: why.to_string() });
}

/// Rows by the value of a column.
fn by<'a>(rows: Vec<Row<'a>>, column: &str) -> HashMap<&'a str, Vec<Row<'a>>> {
    let mut found: HashMap<&str, Vec<Row<'a>>> = HashMap::new();
    for row in rows {
        if let Some(value) = row.text(column) {
            found.entry(value).or_default().push(row);
        }
    }
    found
}

/// Groups that can be groups here.
pub(super) fn groups(database: &Database, skipped: &mut Vec<Skipped>) -> Result<Vec<Group>, String> {
    let claims = by(database.table("custom_claims"), "user_group_id");
    let mut groups: Vec<Group> = Vec::new();
    for row in database.table("user_groups") {
        let text = row.text("id").unwrap_or_default();
        let id = GroupId::parse(text)
            .map_err(|_| format!("a group has the identifier {text:?}, which is none"))?;
        let name = row.text("name").unwrap_or_default().to_owned();
        let what = format!("the group {name:?}");
        if !user::is_group_name(&name) {
            skip(skipped, what, "this can't be the name of a group here; rename it there and export again");
            continue;
        }
        if groups.iter().any(|other| other.name == name || other.id == id) {
            return Err(format!("{what} is in it twice"));
        }
        let friendly = row.text("friendly_name").unwrap_or_default().trim();
        let shown = !friendly.is_empty() && user::is_label(friendly, 50);
        groups.push(Group {
            claims: self::claims(claims.get(text), &what, skipped),
            friendly_name: if shown { friendly.to_owned() } else { name.clone() },
            created_at: row.time("created_at").unwrap_or(UnixTime(0)),
            id,
            name,
        });
    }
    Ok(groups)
}

fn claims(rows: Option<&Vec<Row<'_>>>, what: &str, skipped: &mut Vec<Skipped>) -> WrittenClaims {
    let mut kept: BTreeMap<String, String> = BTreeMap::new();
    for row in rows.into_iter().flatten() {
        let key = row.text("key").unwrap_or_default().to_owned();
        let value = row.text("value").unwrap_or_default().to_owned();
        match WrittenClaims::new([(key.clone(), value.clone())]) {
            Ok(_) => {
                kept.insert(key, value);
            }
            Err(error) => skip(skipped, format!("a claim of {what}"), error),
        }
    }
    match WrittenClaims::new(kept) {
        Ok(claims) => claims,
        Err(error) => {
            skip(skipped, format!("the claims of {what}"), error);
            WrittenClaims::default()
        }
    }
}

/// What belongs to people, by their identifiers.
struct Belongings<'a> {
    passkeys: HashMap<&'a str, Vec<Row<'a>>>,
    memberships: HashMap<&'a str, Vec<Row<'a>>>,
    claims: HashMap<&'a str, Vec<Row<'a>>>,
    consents: HashMap<&'a str, Vec<Row<'a>>>,
    groups: HashMap<String, String>,
}

/// People who can be people here.
pub(super) fn people(
    database: &Database,
    groups: &[Group],
    skipped: &mut Vec<Skipped>,
) -> Result<Vec<Person>, String> {
    let belongings = Belongings {
        passkeys: by(database.table("webauthn_credentials"), "user_id"),
        memberships: by(database.table("user_groups_users"), "user_id"),
        claims: by(database.table("custom_claims"), "user_id"),
        consents: by(database.table("user_authorized_oidc_clients"), "user_id"),
        groups: groups.iter().map(|group| (group.id.to_string(), group.name.clone())).collect(),
    };
    let (mut ids, mut names, mut keys) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut people = Vec::new();
    for row in database.table("users") {
        let Some(person) = person(row, &belongings, skipped)? else { continue };
        if !ids.insert(person.id) || !names.insert(person.profile.username.folded()) {
            return Err(format!("{} is in it twice", person.profile.username));
        }
        if let Some(twice) = person.passkeys.iter().find(|passkey| !keys.insert(passkey.id().to_vec())) {
            return Err(format!(
                "the passkey {:?} of {} is in it twice",
                twice.label(),
                person.profile.username
            ));
        }
        people.push(person);
    }
    Ok(people)
}

fn person(row: Row<'_>, all: &Belongings<'_>, skipped: &mut Vec<Skipped>) -> Result<Option<Person>, String> {
    let text = row.text("id").unwrap_or_default();
    let id =
        UserId::parse(text).map_err(|_| format!("a person has the identifier {text:?}, which is none"))?;
    let written = row.text("username").unwrap_or_default();
    let what = format!("{written:?}");
    let Ok(username) = Username::parse(written) else {
        skip(
            skipped,
            format!("the person {what}"),
            "this can't be a user name here; change it there and export again",
        );
        return Ok(None);
    };
    let memberships = all.memberships.get(text).into_iter().flatten();
    let named = memberships.filter_map(|row| all.groups.get(row.text("user_group_id")?));
    let mut groups: BTreeSet<String> = named.cloned().collect();
    let administrator = match (row.is("is_admin"), groups.contains(ADMINISTRATORS)) {
        (true, _) => Some(Administrator::There),
        (false, true) => Some(Administrator::ByGroup),
        (false, false) => None,
    };
    if administrator.is_some() {
        groups.insert(ADMINISTRATORS.to_owned());
    }
    let passkeys = all.passkeys.get(text).into_iter().flatten();
    let passkeys: Vec<ImportedCredential> =
        passkeys.filter_map(|row| passkey(*row, id, &what, skipped)).collect();
    if passkeys.is_empty() {
        skip(skipped, format!("a way to sign in for {what}"), "there is no passkey: send an enrolment link");
    }
    Ok(Some(Person {
        profile: profile(row, username, &what, skipped),
        groups,
        administrator,
        disabled: row.is("disabled"),
        created_at: row.time("created_at").unwrap_or(UnixTime(0)),
        passkeys,
        claims: claims(all.claims.get(text), &what, skipped),
        consents: all.consents.get(text).into_iter().flatten().filter_map(|row| consent(*row)).collect(),
        id,
    }))
}

fn profile(row: Row<'_>, username: Username, what: &str, skipped: &mut Vec<Skipped>) -> Profile {
    let part = |column| row.text(column).and_then(user::parse_part_of_name).unwrap_or_default();
    let (first_name, last_name) = (part("first_name"), part("last_name"));
    let display_name = row
        .text("display_name")
        .and_then(user::parse_display_name)
        .or_else(|| user::parse_display_name(&format!("{first_name} {last_name}")))
        .unwrap_or_else(|| username.as_str().to_owned());
    let written = row.text("email").unwrap_or_default();
    let email = user::parse_email(written);
    if email.is_none() && !written.is_empty() {
        skip(skipped, format!("the address of {what}"), "it is no mail address");
    }
    Profile {
        username,
        display_name,
        first_name,
        last_name,
        locale: row.text("locale").and_then(user::parse_locale),
        email_verified: email.is_some() && row.is("email_verified"),
        email,
    }
}

fn passkey(row: Row<'_>, user: UserId, what: &str, skipped: &mut Vec<Skipped>) -> Option<ImportedCredential> {
    let label = row.text("name").unwrap_or("Passkey").to_owned();
    let export = Export {
        user,
        id: row.bytes("credential_id").unwrap_or_default(),
        public_key: row.bytes("public_key").unwrap_or_default(),
        label: label.clone(),
        transports: row.list("transport"),
        backup_eligible: row.is("backup_eligible"),
        backed_up: row.is("backup_state"),
        created_at: row.time("created_at").unwrap_or(UnixTime(0)),
    };
    match ImportedCredential::check(export) {
        Ok(passkey) => Some(passkey),
        Err(error) => {
            skip(skipped, format!("the passkey {label:?} of {what}"), error);
            None
        }
    }
}

/// Scopes of APIs, which have a separator in them, have no counterpart.
fn consent(row: Row<'_>) -> Option<Consent> {
    let client_id = row.text("client_id").filter(|id| (1..=255).contains(&id.len()))?;
    let plain = |scope: &String| {
        (1..=100).contains(&scope.len()) && scope.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let scopes: Vec<String> = row.list("scope").into_iter().filter(plain).take(50).collect();
    (!scopes.is_empty()).then(|| Consent {
        client_id: client_id.to_owned(),
        scopes,
        granted_at: row.time("last_used_at").unwrap_or(UnixTime(0)),
    })
}
