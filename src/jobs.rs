//! What happens by itself: expired rows are swept.

use std::{sync::Arc, time::Duration};

use doorward_core::time::Clock;
use doorward_store::Store;

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
