//! Batches of books to create or update.

use std::collections::{HashMap, hash_map};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BookPatch, Isbn, NewBook};
use crate::{
    BookId, Code, Input, Violation, Violations,
    input::{AtMost, Fields},
};

/// Books to create, or to update if their ISBN is known.
///
/// ```
/// use recto_domain::{BookBatch, Input};
/// use serde_json::json;
///
/// let emma = json!({"title": "Emma", "author": "Jane Austen", "isbn": "9780141439587"});
/// let wrong = BookBatch::parse(&json!({"books": [emma, emma, {"title": ""}]})).unwrap_err();
/// let pointers: Vec<_> = wrong.as_slice().iter().map(|v| v.pointer.as_str()).collect();
/// assert_eq!(pointers, ["/books/2/title", "/books/2/author", "/books/1/isbn"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), serde(deny_unknown_fields))]
pub struct BookBatch {
    /// The books, no two of which may have the same ISBN. In a book that is updated, absent fields
    /// stay as they are and `null` clears a field.
    #[cfg_attr(
        feature = "openapi",
        schema(inline, value_type = Vec<NewBook>, max_items = 1000)
    )]
    books: Vec<BookEntry>,
}

/// A book of a batch, parsed both as a new book and as changes to a known one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookEntry {
    /// The book to create.
    pub new: NewBook,
    /// The changes to the known book: absent fields stay as they are, `null` clears a field.
    pub patch: BookPatch,
}

/// The outcome of one book of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BookOutcome {
    /// The index of the book in the batch, from 0.
    #[cfg_attr(feature = "openapi", schema(maximum = 999, examples(0)))]
    pub index: usize,
    /// The outcome.
    #[cfg_attr(feature = "openapi", schema(inline))]
    pub outcome: BatchOutcome,
    /// The id of the book.
    #[cfg_attr(feature = "openapi", schema(inline))]
    pub uid: BookId,
}

/// The outcome of an upsert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(examples("created")))]
#[serde(rename_all = "lowercase")]
pub enum BatchOutcome {
    /// The book was created.
    Created,
    /// The known book was changed.
    Updated,
    /// The known book was equal already.
    Unchanged,
}

/// The outcomes of a batch, in the order of its books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BookOutcomes {
    /// The outcome of each book.
    #[cfg_attr(feature = "openapi", schema(inline, max_items = 1000))]
    pub items: Vec<BookOutcome>,
}

impl BookBatch {
    /// The maximum number of books.
    pub const MAX: usize = 1_000;

    /// Returns the books, in the order of the body.
    pub fn into_books(self) -> Vec<BookEntry> {
        self.books
    }
}

impl Input for BookBatch {
    fn parse(value: &Value) -> Result<Self, Violations> {
        let repeated = repeated_isbns(value);
        let mut fields = Fields::of(value)?;
        let books: Option<AtMost<BookEntry, { Self::MAX }>> = fields.field("books");
        let read = fields.finish(|| Some(Self { books: books?.into_vec() }));
        let (read, mut wrong) = match read {
            Ok(read) => (Some(read), Vec::new()),
            Err(wrong) => (None, wrong.into_vec()),
        };
        wrong.extend(repeated);
        match (read, Violations::from_list(wrong)) {
            (Some(read), None) => Ok(read),
            (_, Some(wrong)) => Err(wrong.up_to(Self::MAX)),
            (None, None) => Err(Violations::one(Code::Format, "is not valid")),
        }
    }
}

impl Input for BookEntry {
    fn parse(value: &Value) -> Result<Self, Violations> {
        Ok(Self { new: NewBook::parse(value)?, patch: BookPatch::parse(value)? })
    }
}

/// Returns a violation for each book with the ISBN of an earlier one. They are searched in the
/// JSON, so that they are reported together with other violations.
fn repeated_isbns(batch: &Value) -> Vec<Violation> {
    let Some(books) = batch.get("books").and_then(Value::as_array) else { return Vec::new() };
    let mut first: HashMap<Isbn, usize> = HashMap::new();
    let mut repeated = Vec::new();
    for (index, book) in books.iter().enumerate().take(BookBatch::MAX) {
        let isbn = book.get("isbn").and_then(Value::as_str);
        let Some(isbn) = isbn.and_then(|isbn| Isbn::parse(isbn).ok()) else { continue };
        match first.entry(isbn) {
            hash_map::Entry::Vacant(vacant) => _ = vacant.insert(index),
            hash_map::Entry::Occupied(earlier) => repeated.push(Violation {
                pointer: format!("/books/{index}/isbn"),
                code: Code::Duplicate,
                detail: format!("must differ from the ISBN of /books/{}", earlier.get()).into(),
            }),
        }
    }
    repeated
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Change;

    #[test]
    fn book_parses_as_new_and_patch() {
        let body =
            json!({"books": [{"title": "Emma", "author": "Jane Austen", "publisher": null}]});
        let [emma] = <[_; 1]>::try_from(BookBatch::parse(&body).unwrap().into_books()).unwrap();
        assert_eq!(emma.new.publisher, None);
        assert_eq!(emma.patch.title, Change::Set(emma.new.title));
        assert_eq!(emma.patch.publisher, Change::Set(None));
        assert_eq!(emma.patch.page_count, Change::Keep);
    }

    #[test]
    fn repeated_isbn_is_refused() {
        let book = |isbn: &str| json!({"title": "The Sea", "author": "Iris Murdoch", "isbn": isbn});
        let other = "9780141439587";
        let body = json!({"books": [
            book("0-09-928409-X"), book(other), book("9780099284093"), book("978-0-09-928409-3"),
        ]});
        let wrong = BookBatch::parse(&body).unwrap_err().into_vec();
        assert!(wrong.iter().all(|violation| violation.code == Code::Duplicate));
        let details: Vec<_> = wrong.iter().map(ToString::to_string).collect();
        assert_eq!(
            details,
            [
                "/books/2/isbn must differ from the ISBN of /books/0",
                "/books/3/isbn must differ from the ISBN of /books/0",
            ]
        );
        let nameless = json!({"title": "Emma", "author": "Jane Austen", "isbn": null});
        assert!(BookBatch::parse(&json!({"books": [nameless, nameless]})).is_ok());
    }

    #[test]
    fn batch_is_limited_to_1000_books() {
        let books = |count: usize| {
            let books: Vec<_> = (0..count).map(|_| json!({"title": "T", "author": "A"})).collect();
            BookBatch::parse(&json!({ "books": books }))
        };
        assert_eq!(books(1_000).unwrap().into_books().len(), 1_000);
        let wrong = books(1_001).unwrap_err();
        assert_eq!(wrong.to_string(), "/books must have at most 1000 items");
        assert!(books(0).unwrap().into_books().is_empty());
    }

    #[test]
    fn violations_are_reported_up_to_bound() {
        let body = json!({"books": [{"title": "", "author": "A"}, {"isbn": "1"}], "more": 1});
        let wrong = BookBatch::parse(&body).unwrap_err().into_vec();
        let pointers: Vec<_> = wrong.iter().map(|violation| violation.pointer.as_str()).collect();
        let expected =
            ["/books/0/title", "/books/1/title", "/books/1/author", "/books/1/isbn", "/more"];
        assert_eq!(pointers, expected);
        let empty: Vec<_> = (0..1_000).map(|_| json!({})).collect();
        let wrong = BookBatch::parse(&json!({ "books": empty })).unwrap_err();
        assert_eq!(wrong.as_slice().len(), 1_001);
        assert!(BookBatch::parse(&json!({})).is_err());
    }
}
