//! What happens by itself: expired rows are swept, and files of certificates are looked at.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use doorward_core::{config::Config, time::Clock};
use doorward_store::Store;

use crate::certificates::Certificates;

/// How often expired rows are deleted. They grant nothing before that either: expiry is checked at each read.
const SWEEP_EVERY: Duration = Duration::from_mins(10);
/// Rows that one sweep deletes at most per table, so that it never holds the writer for long.
const SWEEP_ROWS: u32 = 1000;

/// Sweeps until it is aborted.
pub(crate) async fn sweep(store: Store, clock: Arc<dyn Clock>) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match store.sweep(clock.now(), SWEEP_ROWS).await {
            Ok(deleted) => tracing::debug!(deleted, "expired rows swept"),
            Err(error) => tracing::warn!(%error, "expired rows can't be swept; trying again later"),
        }
    }
}

/// How often files of certificates are looked at. Who can't wait sends SIGHUP.
const WATCH_EVERY: Duration = Duration::from_mins(1);

/// Presents renewed certificates until it is aborted.
pub(crate) async fn watch_files(certificates: Arc<Certificates>, config: Arc<ArcSwap<Config>>) {
    let mut ticks = tokio::time::interval(WATCH_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        certificates.look_at_files(&config.load());
    }
}
