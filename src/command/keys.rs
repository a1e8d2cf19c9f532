//! `doorward keys`: looks at the keys that sign tokens, replaces one before it is due, and revokes one, while the server
//! runs.

use std::fmt::Write as _;

use doorward_core::{
    config::Config,
    jose::{
        Algorithm,
        rotation::{self, KeyRecord},
    },
    rfc3339,
    time::{Lifetime, UnixTime},
};
use doorward_store::{Store, StoreError};
use serde_json::{Value, json};

use super::check;
use crate::{
    beside,
    cli::Keys,
    config,
    exit::{Failure, Stop},
    serve::Shell,
    signing::{keep, new_key, wanted},
    terminal::say,
};

/// What a command works with.
struct Opened {
    config: Config,
    store: Store,
    now: UnixTime,
}

/// Runs the command.
///
/// # Errors
/// The configuration or the database can't be opened, or there is no such key ([`Stop::Unknown`]).
pub async fn run(command: Keys, shell: Shell) -> Result<(), Failure> {
    let options = command.options();
    let config = config::load(&options.config).map_err(check::failure)?.config;
    let store = beside::open(&config, shell.random)?;
    let opened = Opened { config, store, now: shell.clock.now() };
    let (answer, sentence) = match &command {
        Keys::List(_) => opened.list().await?,
        Keys::Rotate { alg, .. } => opened.rotate(*alg).await?,
        Keys::Revoke { kid, .. } => opened.revoke(kid).await?,
    };
    if options.json {
        say(&format!("{answer}\n"));
    } else {
        say(&sentence);
    }
    Ok(())
}

impl Opened {
    async fn records(&self) -> Result<Vec<KeyRecord>, Failure> {
        self.store.signing_key_records().await.map_err(unavailable)
    }

    async fn list(&self) -> Result<(Value, String), Failure> {
        let records = self.records().await?;
        let keep = keep(&self.store, &self.config).await.map_err(unavailable)?;
        let shown: Vec<Value> = records
            .iter()
            .zip(rotation::states(&records, keep, self.now))
            .map(|(record, state)| {
                json!({
                    "kid": record.kid,
                    "alg": record.algorithm.name(),
                    "state": state.to_string(),
                    "created_at": rfc3339::write(record.created_at),
                    "active_at": rfc3339::write(record.active_at),
                    "revoked_at": record.revoked_at.map(rfc3339::write),
                })
            })
            .collect();
        let mut table = format!("{:<9}  {:<9}  {:<20}  KEY\n", "ALGORITHM", "STATE", "SIGNS FROM");
        for key in &shown {
            let column = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
            let (alg, state, from, kid) =
                (column("alg"), column("state"), column("active_at"), column("kid"));
            let _ = writeln!(table, "{alg:<9}  {state:<9}  {from:<20}  {kid}");
        }
        Ok((json!({ "keys": shown }), table))
    }

    /// Has the next key published now; it signs when applications know it.
    async fn rotate(&self, only: Option<Algorithm>) -> Result<(Value, String), Failure> {
        let algorithms = match only {
            Some(algorithm) => vec![algorithm],
            None => wanted(&self.config),
        };
        for algorithm in &algorithms {
            let place =
                rotation::ahead(*algorithm, &self.records().await?, self.config.signing_keys, self.now);
            if let Some(place) = place {
                let new = new_key(*algorithm).map_err(|_| not_made(*algorithm))?;
                // Whoever was quicker has made it: that is what was asked for.
                self.store.add_signing_key(new, place, self.now).await.map_err(unavailable)?;
            }
        }
        let records = self.records().await?;
        let next = |algorithm: &Algorithm| {
            let of =
                records.iter().filter(|record| record.algorithm == *algorithm && record.revoked_at.is_none());
            of.max_by_key(|record| record.active_at)
        };
        let mut sentence = String::new();
        let mut shown = Vec::new();
        for record in algorithms.iter().filter_map(next) {
            let (alg, from) = (record.algorithm.name(), rfc3339::write(record.active_at));
            let _ = writeln!(sentence, "{alg}: {} is published and signs from {from}", record.kid);
            shown.push(json!({ "kid": record.kid, "alg": alg, "active_at": from }));
        }
        Ok((json!({ "keys": shown }), sentence))
    }

    async fn revoke(&self, kid: &str) -> Result<(Value, String), Failure> {
        let unknown = |what: &str| Failure::new(Stop::Unknown, format!("the key `{kid}` {what}"));
        let records = self.records().await?;
        let found =
            records.iter().find(|record| record.kid == kid).ok_or_else(|| unknown("does not exist"))?;
        if found.revoked_at.is_some() {
            return Err(unknown("is revoked already"));
        }
        let replacement = new_key(found.algorithm).map_err(|_| not_made(found.algorithm))?;
        let revoked = self.store.revoke_signing_key(kid, replacement, self.now).await.map_err(unavailable)?;
        if !revoked {
            return Err(unknown("is revoked already"));
        }
        let keep = Lifetime(u32::MAX);
        let records = self.records().await?;
        let states = rotation::states(&records, keep, self.now);
        let active = records.iter().zip(states).find(|(record, state)| {
            record.algorithm == found.algorithm && *state == rotation::KeyState::Active
        });
        let active = active.map(|(record, _)| record.kid.as_str());
        let sentence = format!(
            "{kid} is revoked: nothing that it signed is believed any more\n{} signs from now on\n",
            active.unwrap_or("no key")
        );
        Ok((json!({ "revoked": kid, "active": active }), sentence))
    }
}

fn not_made(algorithm: Algorithm) -> Failure {
    Failure::new(Stop::Database, format!("a key for {} can't be made", algorithm.name()))
}

fn unavailable(error: StoreError) -> Failure {
    Failure::new(Stop::Database, error)
}
