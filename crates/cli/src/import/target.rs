//! The target of an import, and the rows that it writes.

use recto_domain::{NewBook, Rating, TagName, Username};

/// A book's number in the imported files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BookNumber(pub(crate) u32);

/// A tag's number in the imported files. Tags that differ only in case have the first one's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TagNumber(pub(crate) u32);

/// A reader's number in the imported files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ReaderNumber(pub(crate) u32);

#[derive(Clone, Debug)]
pub(crate) struct ImportBook {
    /// The number, unique in an import.
    pub(crate) number: BookNumber,
    pub(crate) book: NewBook,
}

#[derive(Clone, Debug)]
pub(crate) struct ImportTag {
    /// The number, unique in an import.
    pub(crate) number: TagNumber,
    /// The name, unique in an import regardless of case.
    pub(crate) name: TagName,
}

/// A tag of a book. Both were written by earlier batches. The pair may occur more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ImportTagging {
    pub(crate) book: BookNumber,
    pub(crate) tag: TagNumber,
}

/// A user without an account, who has rated books.
#[derive(Clone, Debug)]
pub(crate) struct ImportReader {
    /// The number, unique in an import.
    pub(crate) number: ReaderNumber,
    /// The username, derived from the number.
    pub(crate) username: Username,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WrittenReaders {
    pub(crate) added: u64,
    /// Readers added with another username, because theirs was taken.
    pub(crate) renamed: Vec<(ReaderNumber, Username)>,
}

/// A review without text. Reader and book were written before. If the pair occurs more than once,
/// the first review is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ImportReview {
    pub(crate) reader: ReaderNumber,
    pub(crate) book: BookNumber,
    pub(crate) rating: Rating,
}

/// Writes batches of imported rows. Rows that exist already, from this import or an earlier one,
/// are not added again.
///
/// Each method returns the number of added rows. The methods are called in their order, except that
/// calls of `readers` and `reviews` alternate.
pub(crate) trait ImportTarget {
    type Error: std::error::Error + 'static;

    fn books(&mut self, batch: &[ImportBook]) -> Result<u64, Self::Error>;
    /// Writes tags. An existing tag of the same name is used.
    fn tags(&mut self, batch: &[ImportTag]) -> Result<u64, Self::Error>;
    /// Writes the links between books and tags.
    fn taggings(&mut self, batch: &[ImportTagging]) -> Result<u64, Self::Error>;
    /// Writes readers, with another username if theirs is taken.
    fn readers(&mut self, batch: &[ImportReader]) -> Result<WrittenReaders, Self::Error>;
    fn reviews(&mut self, batch: &[ImportReview]) -> Result<u64, Self::Error>;
}
