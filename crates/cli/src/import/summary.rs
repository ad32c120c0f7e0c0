//! The reconciliation of what was read with what was written.

use std::fmt;
use std::time::Duration;

/// What became of the rows of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowCounts {
    /// Rows in the file, without its header and empty lines.
    pub(crate) read: u64,
    /// Rows that the catalogue had not had.
    pub(crate) added: u64,
    /// Rows that say what the catalogue, or an earlier row, said already.
    pub(crate) present: u64,
    /// Rows left out because of a problem.
    pub(crate) dropped: u64,
    /// Cells left empty because of a problem, in rows that were kept.
    pub(crate) cleared: u64,
}

/// What became of a whole import. A file that was not there has no tally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ImportSummary {
    /// Of `books.csv`.
    pub(crate) books: RowCounts,
    /// Of `tags.csv`.
    pub(crate) tags: Option<RowCounts>,
    /// Of `book_tags.csv`.
    pub(crate) taggings: Option<RowCounts>,
    /// Of the readers named in `ratings.csv`, each counted once.
    pub(crate) readers: Option<RowCounts>,
    /// Of `ratings.csv`.
    pub(crate) reviews: Option<RowCounts>,
}

impl RowCounts {
    /// Whether every row that was read is accounted for once.
    pub(crate) fn balances(&self) -> bool {
        self.read == self.added + self.present + self.dropped
    }

    /// Counts a batch of rows, of which the catalogue had not had `added`.
    pub(super) fn written(&mut self, rows: usize, added: u64) {
        self.added += added;
        self.present += rows as u64 - added;
    }
}

impl ImportSummary {
    /// The import in one sentence, with the time that it took.
    pub(crate) fn summary(&self, took: Duration) -> String {
        let part = |name: &str, tally: Option<RowCounts>| {
            format!("{} {name}", tally.unwrap_or_default().added)
        };
        let parts = [
            part("books", Some(self.books)),
            part("tags", self.tags),
            part("taggings", self.taggings),
            part("readers", self.readers),
            part("reviews", self.reviews),
        ];
        format!("added {} in {:.1} s", parts.join(", "), took.as_secs_f64())
    }
}

impl fmt::Display for RowCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read, added, present, dropped, cleared } = self;
        write!(
            f,
            "{read} read, {added} added, {present} already there, {dropped} left out, {cleared} cells left empty"
        )
    }
}
