//! The queue of the audit entries that are stored after the response.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use recto_domain::AuditEntry;
use recto_persistence::identity::audit;
use recto_persistence::{Database, DatabaseFailure, Error, WorkError as _};
use tokio::sync::Notify;

/// The maximum number of entries in the queue. Further ones are only logged.
const CAPACITY: usize = 10_000;
/// The maximum number of entries that one transaction stores.
const BATCH: usize = 100;
/// The time between two attempts to store entries.
const RETRY: Duration = Duration::from_secs(1);

/// Audit entries about reads, refusals and failed sign-ins.
///
/// They are stored in the background, so that their requests do not wait for a database that is
/// slow, locked or full. Entries of changes are stored in the transactions of the changes.
#[derive(Debug, Clone, Default)]
pub struct AuditQueue(Arc<QueueState>);

#[derive(Debug, Default)]
struct QueueState {
    waiting: Mutex<Waiting>,
    /// Notified about each new entry.
    added: Notify,
    /// Notified when entries have left the queue.
    removed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// In the order in which they came. Only the task that stores them removes any.
    entries: VecDeque<AuditEntry>,
    /// How many entries were ever added.
    added: u64,
    /// How many of them have left the queue.
    removed: u64,
    /// How many entries were not stored since that was last reported.
    lost: u64,
}

impl AuditQueue {
    pub(crate) fn add(&self, entry: AuditEntry) {
        let mut waiting = self.waiting();
        if waiting.entries.len() < CAPACITY {
            waiting.entries.push_back(entry);
            waiting.added += 1;
            self.0.added.notify_one();
        } else {
            waiting.lost += 1;
        }
    }

    /// Returns the number of entries that are not stored yet.
    pub(crate) fn len(&self) -> usize {
        self.waiting().entries.len()
    }

    /// Waits until the entries that are in the queue now are stored, but at most this time. Returns
    /// whether they are.
    pub(crate) async fn flush(&self, limit: Duration) -> bool {
        let target = self.waiting().added;
        let stored = async {
            loop {
                let removed = self.0.removed.notified();
                if self.waiting().removed >= target {
                    return;
                }
                removed.await;
            }
        };
        tokio::time::timeout(limit, stored).await.is_ok()
    }

    /// Stores entries as they come, until it is aborted.
    pub(crate) async fn store(self, database: Database) {
        let mut size = BATCH;
        loop {
            let batch: Vec<AuditEntry> =
                self.waiting().entries.iter().take(size).cloned().collect();
            if batch.is_empty() {
                size = BATCH;
                self.0.added.notified().await;
                continue;
            }
            let count = batch.len();
            let stored = database
                .write(move |conn| batch.iter().try_for_each(|entry| audit::insert(conn, entry)))
                .await;
            match stored {
                Ok(()) => self.remove(count, 0),
                Err(error) if !may_be_stored_later(&error) => {
                    // It is logged, too, and must not stop the others.
                    tracing::error!(%error, entries = count, "audit entries cannot be stored");
                    if count == 1 {
                        self.remove(1, 1);
                    }
                    size = 1;
                }
                Err(error) => {
                    let entries = self.waiting().entries.len();
                    tracing::warn!(%error, entries, "audit entries wait for the database");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Removes the first entries of the queue.
    fn remove(&self, count: usize, lost: u64) {
        let mut waiting = self.waiting();
        waiting.entries.drain(..count);
        waiting.removed += count as u64;
        let lost = std::mem::take(&mut waiting.lost) + lost;
        drop(waiting);
        self.0.removed.notify_waiters();
        if lost > 0 {
            tracing::error!(entries = lost, "audit entries were not stored; the log has them");
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether the database failed, rather than the entries.
fn may_be_stored_later(error: &Error) -> bool {
    match error.failure() {
        Some(
            DatabaseFailure::Query(_) | DatabaseFailure::Corrupt(_) | DatabaseFailure::Panicked(_),
        )
        | None => false,
        Some(
            DatabaseFailure::Overloaded
            | DatabaseFailure::TimedOut
            | DatabaseFailure::LockTimedOut
            | DatabaseFailure::Cancelled
            | DatabaseFailure::Unavailable(_)
            | DatabaseFailure::Busy
            | DatabaseFailure::Contended
            | DatabaseFailure::StorageFull(_)
            | DatabaseFailure::ReadOnly(_)
            | DatabaseFailure::FileReplaced(_)
            | DatabaseFailure::BrokenTransaction(_),
        ) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use recto_domain::{AuditAction, IdGenerator as _};
    use recto_persistence::SystemIds;
    use recto_persistence::identity::audit::AuditFilter;
    use recto_testkit::both_engines;
    use recto_testkit::database::FreshDatabase;

    use recto_persistence::PageRequest;

    use super::*;

    /// More than two batches.
    const MANY: usize = 2 * BATCH + 1;

    fn entry() -> AuditEntry {
        AuditEntry::new(SystemIds.new_id(), AuditAction::Refused)
    }

    fn stored(database: &FreshDatabase) -> Vec<AuditEntry> {
        let everything = AuditFilter::default();
        audit::page(&mut database.connection(), &everything, &PageRequest::newest(10_000))
            .unwrap()
            .items
    }

    fn entries_wait_for_the_database(fresh: &FreshDatabase) {
        let (queue, database) = (AuditQueue::default(), fresh.open());
        let entries: Vec<AuditEntry> = (0..MANY).map(|_| entry()).collect();
        let mut locker = fresh.connection();
        locker.begin_write().unwrap();
        if fresh.url().path().is_none() {
            locker.execute_batch("LOCK TABLE audit IN EXCLUSIVE MODE").unwrap();
        }
        let unlock = thread::spawn(move || {
            thread::sleep(Duration::from_millis(500));
            locker.roll_back().unwrap();
        });
        actix_web::rt::System::new().block_on(async {
            let task = actix_web::rt::spawn(queue.clone().store(database));
            // One is stored already, as if the response of the database had been lost.
            entries[..=BATCH].iter().cloned().for_each(|entry| queue.add(entry));
            queue.add(entries[0].clone());
            entries[BATCH + 1..].iter().cloned().for_each(|entry| queue.add(entry));
            assert!(!queue.flush(Duration::from_millis(50)).await);
            assert!(queue.flush(Duration::from_mins(1)).await);
            task.abort();
        });
        unlock.join().unwrap();
        let mut stored = stored(fresh);
        stored.sort_unstable_by_key(|entry| entry.id);
        assert_eq!(stored.len(), MANY);
        assert!(stored.iter().zip(&entries).all(|(stored, added)| stored.id == added.id));
    }

    fn unstorable_entries_are_counted(fresh: &FreshDatabase) {
        let (queue, database) = (AuditQueue::default(), fresh.open());
        fresh.execute("ALTER TABLE audit RENAME TO lost").unwrap();
        (0..3).for_each(|_| queue.add(entry()));
        actix_web::rt::System::new().block_on(async {
            let task = actix_web::rt::spawn(queue.clone().store(database));
            assert!(queue.flush(Duration::from_mins(1)).await);
            fresh.execute("ALTER TABLE lost RENAME TO audit").unwrap();
            queue.add(entry());
            assert!(queue.flush(Duration::from_mins(1)).await);
            task.abort();
        });
        assert_eq!(stored(fresh).len(), 1);
    }

    #[test]
    fn queue_is_bounded() {
        let queue = AuditQueue::default();
        (0..CAPACITY + 5).for_each(|_| queue.add(entry()));
        let waiting = queue.waiting();
        assert_eq!((waiting.entries.len(), waiting.lost), (CAPACITY, 5));
    }

    both_engines!(entries_wait_for_the_database, unstorable_entries_are_counted);
}
