//! A number of bytes that connections share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes that connections share.
#[derive(Debug)]
pub(crate) struct ByteBudget {
    limit: usize,
    used: AtomicUsize,
}

impl ByteBudget {
    /// Returns an unused budget.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0) }
    }

    /// Reserves bytes, and returns whether the budget had enough left.
    #[must_use]
    pub(super) fn take(&self, bytes: usize) -> bool {
        let taken = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    /// Releases bytes that were reserved.
    pub(super) fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns the bytes that are in use.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// Bytes taken from a budget, returned when this is dropped.
#[derive(Debug)]
pub(crate) struct ReservedBytes {
    budget: Arc<ByteBudget>,
    bytes: usize,
}

impl ReservedBytes {
    /// Returns a reservation of no bytes.
    pub(super) fn new(budget: Arc<ByteBudget>) -> Self {
        Self { budget, bytes: 0 }
    }

    /// Grows the reservation to a number of bytes, unless the budget has fewer left.
    #[must_use]
    pub(crate) fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let granted = self.budget.take(more);
        if granted {
            self.bytes += more;
        }
        granted
    }
}

impl Drop for ReservedBytes {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_is_never_exceeded() {
        let budget = ByteBudget::new(10);
        assert!(budget.take(6) && budget.take(4));
        assert!(!budget.take(1) && !budget.take(usize::MAX));
        budget.give_back(4);
        assert!(!budget.take(5) && budget.take(4));
        assert_eq!(budget.used(), 10);
    }

    #[test]
    fn dropped_reservation_returns_its_bytes() {
        let budget = Arc::new(ByteBudget::new(10));
        let mut reservation = ReservedBytes::new(Arc::clone(&budget));
        assert!(reservation.grow_to(4) && reservation.grow_to(8));
        // A refused growth changes nothing.
        assert!(!reservation.grow_to(11));
        assert_eq!(budget.used(), 8);
        drop(reservation);
        assert_eq!(budget.used(), 0);
    }
}
