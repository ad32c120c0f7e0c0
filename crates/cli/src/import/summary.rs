//! The counts of an import.

use std::fmt;
use std::time::Duration;

/// The counts of the rows of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowCounts {
    /// Rows in the file, without the header and empty lines.
    pub(crate) read: u64,
    /// Rows added to the database.
    pub(crate) added: u64,
    /// Rows that the database or an earlier row contains already.
    pub(crate) present: u64,
    /// Rows skipped because of a problem.
    pub(crate) skipped: u64,
    /// Cells left empty because of a problem.
    pub(crate) cleared: u64,
}

/// The counts of an import. A missing file has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ImportSummary {
    /// The rows of `books.csv`.
    pub(crate) books: RowCounts,
    /// The rows of `tags.csv`.
    pub(crate) tags: Option<RowCounts>,
    /// The rows of `book_tags.csv`.
    pub(crate) taggings: Option<RowCounts>,
    /// The readers in `ratings.csv`, each counted once.
    pub(crate) readers: Option<RowCounts>,
    /// The rows of `ratings.csv`.
    pub(crate) reviews: Option<RowCounts>,
}

impl RowCounts {
    /// Returns whether every row is counted once.
    pub(crate) fn balances(&self) -> bool {
        self.read == self.added + self.present + self.skipped
    }

    /// Counts a batch of rows, of which `added` are new.
    pub(super) fn written(&mut self, rows: usize, added: u64) {
        self.added += added;
        self.present += rows as u64 - added;
    }
}

impl ImportSummary {
    /// Returns the summary as a sentence, with the duration.
    pub(crate) fn sentence(&self, duration: Duration) -> String {
        let part = |name: &str, counts: Option<RowCounts>| {
            format!("{} {name}", counts.unwrap_or_default().added)
        };
        let parts = [
            part("books", Some(self.books)),
            part("tags", self.tags),
            part("taggings", self.taggings),
            part("readers", self.readers),
            part("reviews", self.reviews),
        ];
        format!("added {} in {:.1} s", parts.join(", "), duration.as_secs_f64())
    }
}

impl fmt::Display for RowCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read, added, present, skipped, cleared } = self;
        write!(
            f,
            "{read} read, {added} added, {present} already present, {skipped} skipped, {cleared} cells left empty"
        )
    }
}
