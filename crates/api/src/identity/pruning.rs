//! Forgetting what has expired: by one copy of the server at a time, a little at a time.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use recto_domain::Mint;
use recto_persistence::identity::{lease, prune};
use recto_persistence::{Database, Error};
use uuid::Uuid;

/// How often it is looked for what has expired.
const EVERY: Duration = Duration::from_mins(10);
/// How many rows of each table one transaction forgets.
const BATCH: u32 = 500;
/// For how long a copy of the server has the task to itself, unless it renews that.
const LEASE: TimeDelta = TimeDelta::minutes(2);
/// What the lease is called.
const NAME: &str = "prune";

/// Prunes now and again, for ever.
pub(crate) async fn keep(database: Database, mint: Arc<dyn Mint>, kept: TimeDelta) {
    let holder = mint.stamp().uid();
    loop {
        if let Err(error) = once(&database, &mint, holder, kept).await {
            tracing::warn!(%error, "what has expired could not be forgotten");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Forgets everything that has expired, unless another copy is at it. Tells how many rows.
async fn once(
    database: &Database,
    mint: &Arc<dyn Mint>,
    holder: Uuid,
    kept: TimeDelta,
) -> Result<usize, Error> {
    let mut forgotten = 0;
    loop {
        let now = mint.now();
        // The lease is renewed with each batch, in the batch's own transaction.
        let pruned = database
            .write(move |conn| {
                if !lease::take(conn, NAME, holder, now, now + LEASE)? {
                    return Ok::<_, Error>(None);
                }
                prune::prune(conn, now, kept, BATCH).map(Some)
            })
            .await?;
        let Some(pruned) = pruned else { return Ok(forgotten) };
        forgotten += pruned.total();
        if !pruned.any_full(BATCH) {
            break;
        }
    }
    database.write(move |conn| lease::release(conn, NAME, holder)).await?;
    if forgotten > 0 {
        tracing::info!(rows = forgotten, "what had expired is forgotten");
    }
    Ok(forgotten)
}
