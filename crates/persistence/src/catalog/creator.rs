//! The context in which tags and authors are created.

use std::cell::Cell;

use recto_domain::{IdGenerator, UserId};

/// The owner of new tags and authors, and their ids. Counts the new rows.
pub struct Creator<'i> {
    /// The generator of ids.
    pub ids: &'i dyn IdGenerator,
    /// The user; `None` for imports.
    pub user: Option<UserId>,
    tags: Cell<usize>,
    authors: Cell<usize>,
}

impl<'i> Creator<'i> {
    /// Returns a context without new rows.
    pub fn new(ids: &'i dyn IdGenerator, user: Option<UserId>) -> Self {
        Self { ids, user, tags: Cell::new(0), authors: Cell::new(0) }
    }

    /// Returns a context for imports, whose rows have no owner.
    pub fn nobody(ids: &'i dyn IdGenerator) -> Self {
        Self::new(ids, None)
    }

    /// Returns the number of new tags.
    pub fn tags(&self) -> usize {
        self.tags.get()
    }

    /// Returns the number of new authors.
    pub fn authors(&self) -> usize {
        self.authors.get()
    }

    pub(super) fn add_tags(&self, count: usize) {
        self.tags.set(self.tags.get() + count);
    }

    pub(super) fn add_authors(&self, count: usize) {
        self.authors.set(self.authors.get() + count);
    }
}

impl std::fmt::Debug for Creator<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Creator").field("user", &self.user).finish_non_exhaustive()
    }
}
