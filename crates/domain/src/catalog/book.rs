//! Books.

mod batch;
mod graph;
mod imprint;
mod isbn;
mod language;
mod published_date;

use chrono::{DateTime, Utc};

pub use self::{
    batch::{BatchOutcome, BookBatch, BookEntry, BookOutcome, BookOutcomes},
    graph::NewBookGraph,
    imprint::{CreditLine, PageCount, Publisher, Title},
    isbn::Isbn,
    language::Language,
    published_date::PublishedDate,
};
use crate::{
    BookId, Change, NewId, Update, UserId,
    id::later_than,
    record::{entity, input},
};
use recto_relations::Version;

entity! {
    /// A book in the catalogue.
    pub struct Book in "books", key uid: BookId, sorts [
        title: Title,
        author: CreditLine,
        published_date: Option<PublishedDate>,
        page_count: Option<PageCount>
    ] {
        /// The id.
        pub uid: BookId,
        /// The title.
        pub title: Title,
        /// The names of the authors, as on the title page.
        pub author: CreditLine,
        /// The publisher; `null` if unknown.
        pub publisher: Option<Publisher>,
        /// The date of publication: a year, a month or a day; `null` if unknown.
        pub published_date: Option<PublishedDate>,
        /// The number of pages; `null` if unknown.
        pub page_count: Option<PageCount>,
        /// The language, a BCP 47 tag; `null` if unknown.
        pub language: Option<Language>,
        /// The ISBN-13; `null` if there is none. Several books may have the same ISBN.
        #[cfg_attr(
            feature = "openapi",
            schema(value_type = Option<String>, pattern = "^97[89][0-9]{10}$", examples("9780099284093"))
        )]
        pub isbn: Option<Isbn>,
        /// The owner's id; `null` if nobody owns the book.
        pub user_uid: Option<UserId>,
    }
}

impl Book {
    /// Returns a new book; its key and creation time are those of `new_id`.
    ///
    /// ```
    /// use recto_domain::{Book, Input, NewBook, NewId};
    /// use serde_json::json;
    ///
    /// let new = NewBook::parse(&json!({"title": "Emma", "author": "Jane Austen"}))?;
    /// let emma = Book::new(NewId::new(0, [1; 10]), new, None);
    /// assert_eq!(emma.title.as_str(), "Emma");
    /// # Ok::<(), recto_domain::Violations>(())
    /// ```
    pub fn new(new_id: NewId, new: NewBook, owner: Option<UserId>) -> Self {
        let NewBook { title, author, publisher, published_date, page_count, language, isbn } = new;
        Self {
            uid: BookId::from_uuid(new_id.uid()),
            title,
            author,
            publisher,
            published_date,
            page_count,
            language,
            isbn,
            user_uid: owner,
            created_at: new_id.at(),
            updated_at: new_id.at(),
            version: Version::FIRST,
        }
    }

    /// Sets the credit line, and returns whether it changed. If it did, `updated_at` is later than
    /// before.
    pub fn credit(&mut self, line: CreditLine, now: DateTime<Utc>) -> bool {
        let changed = Change::Set(line).apply_to(&mut self.author);
        if changed {
            self.updated_at = later_than(self.updated_at, now);
            self.version.advance();
        }
        changed
    }
}

impl Update for Book {
    type Patch = BookPatch;

    fn apply(&mut self, patch: BookPatch, now: DateTime<Utc>) -> bool {
        let BookPatch { title, author, publisher, published_date, page_count, language, isbn } =
            patch;
        let changed = title.apply_to(&mut self.title)
            | author.apply_to(&mut self.author)
            | publisher.apply_to(&mut self.publisher)
            | published_date.apply_to(&mut self.published_date)
            | page_count.apply_to(&mut self.page_count)
            | language.apply_to(&mut self.language)
            | isbn.apply_to(&mut self.isbn);
        if changed {
            self.updated_at = later_than(self.updated_at, now);
            self.version.advance();
        }
        changed
    }
}

input! {
    /// A book to create.
    pub struct NewBook {
        /// The title.
        pub title: Title,
        /// The names of the authors, as on the title page.
        pub author: CreditLine,
        /// The publisher.
        pub publisher: Option<Publisher>,
        /// The date of publication: a year, a month or a day.
        pub published_date: Option<PublishedDate>,
        /// The number of pages.
        pub page_count: Option<PageCount>,
        /// The language, a BCP 47 tag.
        pub language: Option<Language>,
        /// The ISBN-10 or ISBN-13, with or without hyphens and spaces.
        pub isbn: Option<Isbn>,
    }
}

input! {
    /// Changes to a book. Absent fields stay as they are; `null` clears an optional field.
    pub struct BookPatch {
        /// The new title.
        pub title: Change<Title>,
        /// The new names of the authors.
        pub author: Change<CreditLine>,
        /// The new publisher.
        pub publisher: Change<Option<Publisher>>,
        /// The new date of publication: a year, a month or a day.
        pub published_date: Change<Option<PublishedDate>>,
        /// The new number of pages.
        pub page_count: Change<Option<PageCount>>,
        /// The new language, a BCP 47 tag.
        pub language: Change<Option<Language>>,
        /// The new ISBN-10 or ISBN-13, with or without hyphens and spaces.
        pub isbn: Change<Option<Isbn>>,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Input;

    fn full() -> Value {
        json!({
            "title": "The Sea, the Sea", "author": "Iris Murdoch", "publisher": "Chatto & Windus",
            "published_date": "1978-08", "page_count": 502, "language": "en-gb",
            "isbn": "0-09-928409-X",
        })
    }

    #[test]
    fn values_are_serialized_in_canonical_form() {
        let new_id = NewId::new(1_767_225_600_125, [1; 10]);
        let owner = UserId::from_uuid(NewId::new(0, [2; 10]).uid());
        let book = Book::new(new_id, NewBook::parse(&full()).unwrap(), Some(owner));
        let json = serde_json::to_string(&book).unwrap();
        let uid = book.uid;
        assert_eq!(
            json,
            format!(r#"{{"uid":"{uid}","title":"The Sea, the Sea","author":"Iris Murdoch","#)
                + r#""publisher":"Chatto & Windus","published_date":"1978-08","page_count":502,"#
                + &format!(r#""language":"en-GB","isbn":"9780099284093","user_uid":"{owner}","#)
                + r#""created_at":"2026-01-01T00:00:00.125Z","updated_at":"2026-01-01T00:00:00.125Z"}"#
        );
        assert_eq!(serde_json::from_str::<Book>(&json).unwrap(), book);
    }

    #[test]
    fn unknown_values_are_null() {
        let new = NewBook::parse(&json!({"title": "Emma", "author": "Jane Austen"})).unwrap();
        let book = Book::new(NewId::new(0, [1; 10]), new, None);
        let json = serde_json::to_value(&book).unwrap();
        for field in ["publisher", "published_date", "page_count", "language", "isbn", "user_uid"] {
            assert_eq!(json.get(field), Some(&Value::Null), "{field}");
        }
    }

    #[test]
    fn equal_patch_changes_nothing() {
        let new_id = NewId::new(1000, [1; 10]);
        let mut book = Book::new(new_id, NewBook::parse(&full()).unwrap(), None);
        let later = NewId::new(2000, [1; 10]).at();
        let same = json!({"language": "EN-GB", "isbn": "978-0-09-928409-3", "page_count": 502.0});
        assert!(!book.apply(BookPatch::parse(&same).unwrap(), later));
        assert_eq!(book.updated_at, new_id.at());

        let other = json!({"published_date": null, "title": "The Bell"});
        assert!(book.apply(BookPatch::parse(&other).unwrap(), later));
        assert_eq!((book.title.as_str(), book.published_date), ("The Bell", None));
        assert_eq!(book.updated_at, later);
    }
}
