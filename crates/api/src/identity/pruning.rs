//! Deletes expired rows, in one server process at a time, in batches.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use recto_domain::{AuditAction, AuditDetail, AuditEntry, IdGenerator};
use recto_persistence::identity::{audit, lease, prune};
use recto_persistence::{Connection, Database, Error};
use uuid::Uuid;

use crate::audit_log;

/// The time between two runs.
const INTERVAL: Duration = Duration::from_mins(10);
/// The number of rows of each table that one transaction deletes.
const BATCH: u32 = 500;
/// The time for which one process holds the lease, unless it renews it.
const LEASE: TimeDelta = TimeDelta::minutes(2);
/// The name of the lease.
const NAME: &str = "prune";

/// Deletes expired rows at intervals, until it is aborted.
pub(crate) async fn run(database: Database, ids: Arc<dyn IdGenerator>, retention: TimeDelta) {
    let holder = ids.new_id().uid();
    loop {
        if let Err(error) = once(&database, &ids, holder, retention).await {
            tracing::warn!(%error, "expired rows were not deleted");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Deletes all expired rows, unless another process does, and returns how many.
async fn once(
    database: &Database,
    ids: &Arc<dyn IdGenerator>,
    holder: Uuid,
    retention: TimeDelta,
) -> Result<usize, Error> {
    let mut deleted = 0;
    loop {
        let (now, generator) = (ids.now(), ids.clone());
        // Each batch renews the lease in its own transaction.
        let pruned = database
            .write(move |conn| {
                if !lease::acquire(conn, NAME, holder, now, now + LEASE)? {
                    return Ok::<_, Error>(None);
                }
                let accounts = delete_unverified(conn, &*generator, now)?;
                Ok(Some((prune::prune(conn, now, retention, BATCH)?, accounts)))
            })
            .await?;
        let Some((pruned, accounts)) = pruned else { return Ok(deleted) };
        deleted += pruned.total() + accounts.len();
        accounts.iter().for_each(audit_log::log);
        if !pruned.has_full_batch(BATCH) && accounts.len() < BATCH as usize {
            break;
        }
    }
    database.write(move |conn| lease::release(conn, NAME, holder)).await?;
    if deleted > 0 {
        tracing::info!(rows = deleted, "deleted expired rows");
    }
    Ok(deleted)
}

/// Deletes accounts that were not verified in time, and returns their audit entries.
fn delete_unverified(
    conn: &mut Connection,
    ids: &dyn IdGenerator,
    now: DateTime<Utc>,
) -> Result<Vec<AuditEntry>, Error> {
    let entry = |user| {
        let mut entry = AuditEntry::new(ids.new_id(), AuditAction::AccountDeleted);
        entry.subject_uid = Some(user);
        entry.detail = AuditDetail::parse("its e-mail address was not verified in time").ok();
        entry
    };
    let deleted = prune::prune_unverified(conn, now, BATCH)?;
    let entries: Vec<AuditEntry> = deleted.into_iter().map(entry).collect();
    entries.iter().try_for_each(|entry| audit::insert(conn, entry))?;
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use recto_domain::{Account, Clock as _, NewId, PasswordHash, Role, User};
    use recto_persistence::PageRequest;
    use recto_persistence::identity::account;
    use recto_persistence::identity::audit::AuditFilter;
    use recto_testkit::both_engines;
    use recto_testkit::database::FreshDatabase;
    use recto_testkit::ids::MovableClock;

    use super::*;

    /// More than two batches.
    const MANY: usize = 2 * BATCH as usize + 1;

    /// Adds many old audit entries, and three of today.
    fn fill(database: &Database, ids: &MovableClock) {
        let today = ids.now();
        let entry = move |number: usize, old: bool| {
            let at = if old { today - prune::RETENTION - TimeDelta::days(1) } else { today };
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

    fn remaining(database: &FreshDatabase) -> usize {
        let everything = AuditFilter { action: None, user: None };
        let conn = &mut database.connection();
        audit::page(conn, &everything, &PageRequest::newest(10_000)).unwrap().items.len()
    }

    /// Deletes expired rows once in each of these processes, and returns how many rows each
    /// deleted.
    fn prune_in(database: &Database, ids: &MovableClock, holders: &[Uuid]) -> Vec<usize> {
        let ids: Arc<dyn IdGenerator> = Arc::new(ids.clone());
        let runs = holders.iter().map(|holder| once(database, &ids, *holder, prune::RETENTION));
        let runs = futures_util::future::join_all(runs);
        let deleted = actix_web::rt::System::new().block_on(runs);
        deleted.into_iter().map(Result::unwrap).collect()
    }

    fn old_rows_are_deleted_in_batches(database: &FreshDatabase) {
        let (opened, ids) = (database.open(), MovableClock::default());
        fill(&opened, &ids);
        let at_once = prune::prune(&mut database.connection(), ids.now(), prune::RETENTION, BATCH);
        assert_eq!(at_once.unwrap().audit, BATCH as usize);
        assert_eq!(prune_in(&opened, &ids, &[ids.new_id().uid()]), [MANY - BATCH as usize]);
        assert_eq!(remaining(database), 3);
        assert_eq!(prune_in(&opened, &ids, &[ids.new_id().uid()]), [0]);
        // The lease was released: another process can acquire it at once.
        let (other, now) = (ids.new_id().uid(), ids.now());
        let acquired = lease::acquire(&mut database.connection(), NAME, other, now, now + LEASE);
        assert!(acquired.unwrap());
    }

    fn unverified_accounts_are_deleted_and_audited(database: &FreshDatabase) {
        let (opened, ids) = (database.open(), MovableClock::default());
        let user = User::new(ids.new_id(), "ada".parse().unwrap(), None, None);
        let account = Account::new(user.uid, "ada@example.org".parse().unwrap(), Role::User);
        let (conn, uid) = (&mut database.connection(), user.uid);
        account::create(conn, user, &account, &PasswordHash("$argon2id$".to_owned())).unwrap();
        assert_eq!(prune_in(&opened, &ids, &[ids.new_id().uid()]), [0]);
        ids.advance(Account::VERIFY_WITHIN.to_std().unwrap());
        assert_eq!(prune_in(&opened, &ids, &[ids.new_id().uid()]), [1]);
        let of_user = AuditFilter { action: Some(AuditAction::AccountDeleted), user: Some(uid) };
        let entries = audit::page(conn, &of_user, &PageRequest::newest(10)).unwrap().items;
        let [entry] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!((entry.actor_uid, entry.address), (None, None));
        let detail = entry.detail.as_ref().map(AuditDetail::as_str);
        assert_eq!(detail, Some("its e-mail address was not verified in time"));
    }

    fn only_one_process_prunes(database: &FreshDatabase) {
        let (opened, ids) = (database.open(), MovableClock::default());
        fill(&opened, &ids);
        let (one, other) = (ids.new_id().uid(), ids.new_id().uid());
        let deleted = prune_in(&opened, &ids, &[one, other]);
        assert_eq!(deleted.iter().sum::<usize>(), MANY, "{deleted:?}");
        assert_eq!(remaining(database), 3);
    }

    fn lease_of_dead_process_expires(database: &FreshDatabase) {
        let (opened, ids) = (database.open(), MovableClock::default());
        fill(&opened, &ids);
        let (dead, alive) = (ids.new_id().uid(), ids.new_id().uid());
        let now = ids.now();
        let taken = lease::acquire(&mut database.connection(), NAME, dead, now, now + LEASE);
        assert!(taken.unwrap());
        assert_eq!(prune_in(&opened, &ids, &[alive]), [0]);
        assert_eq!(remaining(database), MANY + 3);
        ids.advance(Duration::from_mins(2));
        assert_eq!(prune_in(&opened, &ids, &[alive]), [MANY]);
    }

    both_engines!(
        old_rows_are_deleted_in_batches,
        unverified_accounts_are_deleted_and_audited,
        only_one_process_prunes,
        lease_of_dead_process_expires,
    );
}
