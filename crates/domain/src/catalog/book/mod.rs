//! Books: what is in the catalogue.

mod batch;
mod graph;
mod imprint;
mod isbn;
mod language;
mod published_date;

use chrono::{DateTime, Utc};

pub use self::{
    batch::{BookBatch, BookEntry, BookOutcome, BookOutcomes, Outcome},
    graph::NewBookGraph,
    imprint::{CreditLine, PageCount, Publisher, Title},
    isbn::Isbn,
    language::Language,
    published_date::PublishedDate,
};
use crate::{
    BookId, Change, NewId, Update, UserId,
    id::moved_on,
    record::{entity, input},
};

entity! {
    /// A book in the catalogue.
    pub struct Book in "books", key uid: BookId, sorts [
        title: Title,
        author: CreditLine,
        published_date: Option<PublishedDate>,
        page_count: Option<PageCount>
    ] {
        /// The key.
        pub uid: BookId,
        /// The title.
        pub title: Title,
        /// Who wrote it, as the title page has it.
        pub author: CreditLine,
        /// Who published it, if known.
        pub publisher: Option<Publisher>,
        /// When it was published, as precisely as is known.
        pub published_date: Option<PublishedDate>,
        /// How many pages it has, if known.
        pub page_count: Option<PageCount>,
        /// The language it is written in, a BCP 47 tag, if known.
        pub language: Option<Language>,
        /// The ISBN-13, if it has one; several entries may share it.
        pub isbn: Option<Isbn>,
        /// The user who owns this entry, if anybody does.
        pub user_uid: Option<UserId>,
        /// When the book was added, in UTC.
        pub created_at: DateTime<Utc>,
        /// When anything about the book last changed, in UTC.
        pub updated_at: DateTime<Utc>,
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
        }
    }

    /// Gives the book another credit line; `updated_at` moves on only if it is another, which is
    /// told.
    pub fn credit(&mut self, line: CreditLine, now: DateTime<Utc>) -> bool {
        let changed = Change::Set(line).apply_to(&mut self.author);
        if changed {
            self.updated_at = moved_on(self.updated_at, now);
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
            self.updated_at = moved_on(self.updated_at, now);
        }
        changed
    }
}

input! {
    /// A book to add.
    pub struct NewBook {
        /// The title.
        pub title: Title,
        /// Who wrote it, as the title page has it.
        pub author: CreditLine,
        /// Who published it.
        pub publisher: Option<Publisher>,
        /// When it was published, as precisely as is known: a year, a month or a day.
        pub published_date: Option<PublishedDate>,
        /// How many pages it has.
        pub page_count: Option<PageCount>,
        /// The language it is written in, a BCP 47 tag.
        pub language: Option<Language>,
        /// The ISBN-10 or ISBN-13; hyphens and spaces do not matter.
        pub isbn: Option<Isbn>,
    }
}

input! {
    /// Changes to a book: absent members stay, `null` clears what is optional.
    pub struct BookPatch {
        /// Another title.
        pub title: Change<Title>,
        /// Another author.
        pub author: Change<CreditLine>,
        /// Another publisher.
        pub publisher: Change<Option<Publisher>>,
        /// Another date of publication: a year, a month or a day.
        pub published_date: Change<Option<PublishedDate>>,
        /// Another number of pages.
        pub page_count: Change<Option<PageCount>>,
        /// Another language, a BCP 47 tag.
        pub language: Change<Option<Language>>,
        /// Another ISBN-10 or ISBN-13; hyphens and spaces do not matter.
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
    fn a_book_shows_what_was_sent_in_its_own_forms() {
        let new_id = NewId::new(1_767_225_600_125, [1; 10]);
        let owner = UserId::from_uuid(NewId::new(0, [2; 10]).uid());
        let book = Book::new(new_id, NewBook::parse(&full()).unwrap(), Some(owner));
        let json = serde_json::to_string(&book).unwrap();
        let (uid, owner) = (book.uid, owner);
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
    fn what_is_not_known_is_shown_as_null() {
        let new = NewBook::parse(&json!({"title": "Emma", "author": "Jane Austen"})).unwrap();
        let book = Book::new(NewId::new(0, [1; 10]), new, None);
        let json = serde_json::to_value(&book).unwrap();
        for member in ["publisher", "published_date", "page_count", "language", "isbn", "user_uid"]
        {
            assert_eq!(json.get(member), Some(&Value::Null), "{member}");
        }
    }

    #[test]
    fn a_patch_of_other_notations_of_the_same_changes_nothing() {
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
