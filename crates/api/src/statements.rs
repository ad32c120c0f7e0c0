//! The statements that a request sends to the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use recto_persistence::Connection;

/// The number of statements that a request has sent, in its extensions.
#[derive(Debug, Clone, Default)]
pub(crate) struct StatementCounter(Arc<AtomicU32>);

impl StatementCounter {
    /// Runs work and counts its statements. Work that runs again counts again.
    pub(crate) fn counting<T>(
        &self,
        conn: &mut Connection,
        work: impl FnOnce(&mut Connection) -> T,
    ) -> T {
        let before = conn.statements();
        let result = work(conn);
        let sent = u32::try_from(conn.statements() - before).unwrap_or(u32::MAX);
        self.0.fetch_add(sent, Ordering::Relaxed);
        result
    }

    /// Returns the number.
    pub(crate) fn number(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns a number, for tests.
    #[cfg(test)]
    pub(crate) fn of(number: u32) -> Self {
        Self(Arc::new(AtomicU32::new(number)))
    }
}
