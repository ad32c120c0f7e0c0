//! Where imported rows go.

use recto_domain::{NewBook, Rating, TagName, Username};

/// A book's number in the imported files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BookNumber(pub(crate) u32);

/// A tag's number in the imported files; of tags that differ only by case, the
/// first one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TagNumber(pub(crate) u32);

/// A reader's number in the imported files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ReaderNumber(pub(crate) u32);

/// A book to have in the catalogue.
#[derive(Clone, Debug)]
pub(crate) struct ImportBook {
    /// Its number; given once in an import.
    pub(crate) number: BookNumber,
    /// What is known of it.
    pub(crate) book: NewBook,
}

/// A tag to have in the catalogue.
#[derive(Clone, Debug)]
pub(crate) struct ImportTag {
    /// Its number; given once in an import.
    pub(crate) number: TagNumber,
    /// Its name; no other tag of the import has it, whatever the case.
    pub(crate) name: TagName,
}

/// A tag on a book. Both have been handed over before, in an earlier batch of
/// this import; the pair may come more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ImportTagging {
    /// The book.
    pub(crate) book: BookNumber,
    /// The tag.
    pub(crate) tag: TagNumber,
}

/// Someone who has reviewed, without an account.
#[derive(Clone, Debug)]
pub(crate) struct ImportReader {
    /// Their number; given once in an import.
    pub(crate) number: ReaderNumber,
    /// The name that they go by, made from the number.
    pub(crate) username: Username,
}

/// What became of a batch of readers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WrittenReaders {
    /// How many of them were added.
    pub(crate) added: u64,
    /// Those of them who were added under another name than the one given.
    pub(crate) renamed: Vec<(ReaderNumber, Username)>,
}

/// A review without text. Its reader and its book have been handed over
/// before; the pair may come more than once, and then the first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ImportReview {
    /// Who reviews.
    pub(crate) reader: ReaderNumber,
    /// What is reviewed.
    pub(crate) book: BookNumber,
    /// From 1 to 5.
    pub(crate) rating: Rating,
}

/// Takes the rows of an import, a batch at a time, and writes what is not there
/// yet: handed the same rows again, in this run or in a later one, it adds
/// nothing.
///
/// Each call says how many of its rows were added; the rest were there. Calls
/// come in the order of the methods, except that `readers` and `reviews` take
/// turns.
pub(crate) trait ImportTarget {
    /// What stops the writing.
    type Error: std::error::Error + 'static;

    /// Writes books.
    fn books(&mut self, batch: &[ImportBook]) -> Result<u64, Self::Error>;
    /// Writes tags. A tag of the same name that is there already is the one.
    fn tags(&mut self, batch: &[ImportTag]) -> Result<u64, Self::Error>;
    /// Writes the links between books and tags.
    fn taggings(&mut self, batch: &[ImportTagging]) -> Result<u64, Self::Error>;
    /// Writes readers. One whose username somebody else has is given another.
    fn readers(&mut self, batch: &[ImportReader]) -> Result<WrittenReaders, Self::Error>;
    /// Writes reviews.
    fn reviews(&mut self, batch: &[ImportReview]) -> Result<u64, Self::Error>;
}
