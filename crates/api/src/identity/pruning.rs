//! Forgetting what has expired: by one copy of the server at a time, a little at a time.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use recto_domain::IdGenerator;
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
pub(crate) async fn keep(database: Database, ids: Arc<dyn IdGenerator>, kept: TimeDelta) {
    let holder = ids.new_id().uid();
    loop {
        if let Err(error) = once(&database, &ids, holder, kept).await {
            tracing::warn!(%error, "what has expired could not be forgotten");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Forgets everything that has expired, unless another copy is at it. Tells how many rows.
async fn once(
    database: &Database,
    ids: &Arc<dyn IdGenerator>,
    holder: Uuid,
    kept: TimeDelta,
) -> Result<usize, Error> {
    let mut forgotten = 0;
    loop {
        let now = ids.now();
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use recto_domain::{AuditAction, AuditEntry, Clock as _, NewId};
    use recto_persistence::identity::audit::{self, AuditFilter};
    use recto_testkit::both_engines;
    use recto_testkit::database::Fresh;
    use recto_testkit::ids::MovableClock;

    use super::*;

    /// More than two batches.
    const MANY: usize = 2 * BATCH as usize + 1;

    /// Entries of the audit: many that are old, and three of today.
    fn fill(database: &Database, ids: &MovableClock) {
        let today = ids.now();
        let entry = move |number: usize, old: bool| {
            let at = if old { today - prune::KEPT - TimeDelta::days(1) } else { today };
            let millis = u64::try_from(at.timestamp_millis()).unwrap();
            let mut random = [0; 10];
            random[2..].copy_from_slice(&number.to_be_bytes());
            AuditEntry::new(NewId::new(millis, random), AuditAction::SignIn)
        };
        let filled = database.write_blocking(move |conn| {
            (0..MANY).try_for_each(|number| audit::insert(conn, &entry(number, true)))?;
            (0..3).try_for_each(|number| audit::insert(conn, &entry(number, false)))
        });
        filled.unwrap();
    }

    fn left(database: &Fresh) -> usize {
        let everything = AuditFilter { action: None, user: None };
        let conn = &mut database.connection();
        audit::page(conn, &everything, None, 10_000).unwrap().items.len()
    }

    /// One look by each of these; how many rows each forgot.
    fn look(database: &Database, ids: &MovableClock, holders: &[Uuid]) -> Vec<usize> {
        let ids: Arc<dyn IdGenerator> = Arc::new(ids.clone());
        let looks = holders.iter().map(|holder| once(database, &ids, *holder, prune::KEPT));
        let looks = futures_util::future::join_all(looks);
        let forgotten = actix_web::rt::System::new().block_on(looks);
        forgotten.into_iter().map(Result::unwrap).collect()
    }

    fn all_that_is_old_goes_in_batches(database: &Fresh) {
        let (opened, ids) = (database.open(), MovableClock::default());
        fill(&opened, &ids);
        let at_once = prune::prune(&mut database.connection(), ids.now(), prune::KEPT, BATCH);
        assert_eq!(at_once.unwrap().audit, BATCH as usize);
        assert_eq!(look(&opened, &ids, &[ids.new_id().uid()]), [MANY - BATCH as usize]);
        assert_eq!(left(database), 3);
        assert_eq!(look(&opened, &ids, &[ids.new_id().uid()]), [0]);
        assert!(database.rows("SELECT '1' AS line FROM leases").is_empty());
    }

    fn of_two_copies_one_does_it(database: &Fresh) {
        let (opened, ids) = (database.open(), MovableClock::default());
        fill(&opened, &ids);
        let (one, other) = (ids.new_id().uid(), ids.new_id().uid());
        let forgotten = look(&opened, &ids, &[one, other]);
        assert_eq!(forgotten.iter().sum::<usize>(), MANY, "{forgotten:?}");
        assert_eq!(left(database), 3);
    }

    fn whoever_died_at_it_holds_it_up_for_minutes_only(database: &Fresh) {
        let (opened, ids) = (database.open(), MovableClock::default());
        fill(&opened, &ids);
        let (dead, alive) = (ids.new_id().uid(), ids.new_id().uid());
        let now = ids.now();
        let taken = lease::take(&mut database.connection(), NAME, dead, now, now + LEASE);
        assert!(taken.unwrap());
        assert_eq!(look(&opened, &ids, &[alive]), [0]);
        assert_eq!(left(database), MANY + 3);
        ids.advance(Duration::from_mins(2));
        assert_eq!(look(&opened, &ids, &[alive]), [MANY]);
    }

    both_engines!(
        all_that_is_old_goes_in_batches,
        of_two_copies_one_does_it,
        whoever_died_at_it_holds_it_up_for_minutes_only,
    );
}
