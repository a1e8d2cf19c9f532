//! `doorward import pocket-id`: the plan first, then all of it or nothing.

use std::{
    fmt::Write as _,
    io::{BufRead as _, IsTerminal as _},
    path::Path,
};

use doorward_import::pocket_id::{self, Administrator, Person, Plan};
use doorward_store::{
    Constraint, GroupNames, Import, ImportedGroup, ImportedPerson, NewGroup, NewSigningKey, NewUser, Store,
    StoreError,
};
use zeroize::Zeroizing;

use crate::{
    cli::Archive,
    command::check,
    config,
    exit::{Failure, Stop},
    serve::{self, Shell},
    signing,
    terminal::{complain, say},
};

/// Largest archive that is read, in bytes.
const SIZE_MAX: u64 = 512 << 20;
/// Largest file of an encryption key.
const KEY_MAX: u64 = 64 * 1024;

/// Prints the plan and, when that is wanted, carries it out.
pub(super) async fn run(options: &Archive, shell: &Shell) -> Result<(), Failure> {
    let archive = read(&options.file, SIZE_MAX)?;
    let key = options.encryption_key_file.as_ref().map(|file| read(file, KEY_MAX)).transpose()?;
    let key = key.as_ref().map(|key| key.trim_ascii());
    let mut plan = pocket_id::plan(&archive, key).map_err(|problem| {
        let sentence = format!("{}: {problem}; nothing was changed", options.file.display());
        Failure::new(Stop::File, sentence)
    })?;
    let signing_key = signing_key(&mut plan);
    say(&if options.json { in_json(&plan) } else { in_words(&plan) });
    let Some(config) = &options.config else { return Ok(()) };
    let config = config::load(config).map_err(check::failure)?.config;
    if !options.yes && !confirmed() {
        complain("Nothing was changed. Write --yes to carry out the plan.");
        return Err(Failure::new(Stop::Configuration, ""));
    }
    // The directory stays locked until the end: a server that runs is not changed under its feet.
    let (_directory, _, store) = serve::open(&config, shell, None)?;
    carry_out(&store, import(plan, signing_key), shell).await
}

fn read(file: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(Stop::File, format!("{} can't be read: {error}", file.display()))
    };
    let size = std::fs::metadata(file).map_err(unreadable)?.len();
    if size > most {
        let sentence = format!("{} has {size} bytes; at most {most} are read", file.display());
        return Err(Failure::new(Stop::File, sentence));
    }
    std::fs::read(file).map(Zeroizing::new).map_err(unreadable)
}

/// The key in the form in which the store has keys; the plan says so if it can't be.
fn signing_key(plan: &mut Plan) -> Option<NewSigningKey> {
    let jwk = plan.signing_key.as_ref()?;
    let key = signing::from_private_jwk(&jwk.0);
    if key.is_none() {
        plan.signing_key = None;
        plan.leave_out("the signing key", "it is for an algorithm that is not signed by here");
    }
    key
}

fn confirmed() -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    complain(
        "Carry this out? Everybody under \"administrators\" will be able to administer Doorward. Write yes:",
    );
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && answer.trim() == "yes"
}

fn import(plan: Plan, signing_key: Option<NewSigningKey>) -> Import {
    let administers =
        |person: &Person| person.administrator.is_some() && !person.disabled && !person.passkeys.is_empty();
    Import {
        closes_setup: plan.people.iter().any(administers),
        groups: plan
            .groups
            .into_iter()
            .map(|group| ImportedGroup {
                group: NewGroup {
                    id: group.id,
                    names: GroupNames { name: group.name, friendly_name: group.friendly_name },
                },
                created_at: group.created_at,
                claims: group.claims,
            })
            .collect(),
        people: plan.people.into_iter().map(person).collect(),
        signing_key,
    }
}

fn person(person: Person) -> ImportedPerson {
    let consents = person.consents.into_iter();
    ImportedPerson {
        user: NewUser { id: person.id, profile: person.profile, groups: person.groups },
        created_at: person.created_at,
        disabled: person.disabled,
        passkeys: person.passkeys,
        claims: person.claims,
        consents: consents.map(|consent| (consent.client_id, consent.scopes, consent.granted_at)).collect(),
    }
}

async fn carry_out(store: &Store, import: Import, shell: &Shell) -> Result<(), Failure> {
    let (people, wanted_key) = (import.people.len(), import.signing_key.is_some());
    let done = store.import(import, shell.clock.now()).await.map_err(failure)?;
    let here = people.saturating_sub(usize::try_from(done.people).unwrap_or(usize::MAX));
    complain(&format!(
        "{} people and {} groups were brought over; {here} people were here already and stay as they are.",
        done.people, done.groups
    ));
    if wanted_key && !done.signing_key {
        complain("The signing key was here already.");
    }
    Ok(())
}

fn failure(error: StoreError) -> Failure {
    let what = match error {
        StoreError::Conflict(Constraint::Username) => "somebody else here has the user name of one of them",
        StoreError::Conflict(Constraint::Email) => "somebody else here has the mail address of one of them",
        StoreError::Conflict(Constraint::Credential) => "a passkey of one of them is somebody else's here",
        other => return Failure::new(Stop::Database, format!("{other}; nothing was changed")),
    };
    Failure::new(Stop::Database, format!("{what}; nothing was changed"))
}

fn why(administrator: Administrator) -> &'static str {
    match administrator {
        Administrator::There => "an administrator there",
        Administrator::ByGroup => "in a group that is called admins",
    }
}

fn administrators(plan: &Plan) -> impl Iterator<Item = (&str, &'static str)> {
    plan.people
        .iter()
        .filter_map(|person| Some((person.profile.username.as_str(), why(person.administrator?))))
}

fn in_words(plan: &Plan) -> String {
    let mut text = format!("An archive of Pocket ID {} (schema {})\n\n", plan.release, plan.version);
    for kind in plan.kinds.iter().filter(|kind| kind.found > 0) {
        // Writing into a text can't fail.
        let _ = writeln!(text, "  {} of {} {}", kind.brought, kind.found, kind.name);
    }
    text.push_str("\nAdministrators:\n");
    for (name, why) in administrators(plan) {
        let _ = writeln!(text, "  {name}: {why}");
    }
    text.push_str("\nNot brought over:\n");
    for skipped in &plan.skipped {
        let _ = writeln!(text, "  {}: {}", skipped.what, skipped.why);
    }
    text
}

fn in_json(plan: &Plan) -> String {
    let kinds: Vec<_> = plan
        .kinds
        .iter()
        .map(|kind| serde_json::json!({ "kind": kind.name, "found": kind.found, "brought": kind.brought }))
        .collect();
    let administrators: Vec<_> =
        administrators(plan).map(|(name, why)| serde_json::json!({ "username": name, "why": why })).collect();
    let skipped: Vec<_> = plan
        .skipped
        .iter()
        .map(|skipped| serde_json::json!({ "what": skipped.what, "why": skipped.why }))
        .collect();
    let all = serde_json::json!({
        "version": plan.version,
        "release": plan.release,
        "kinds": kinds,
        "administrators": administrators,
        "skipped": skipped,
    });
    format!("{all}\n")
}
