//! Books.

#![expect(clippy::ref_option_ref, reason = "Diesel's `AsChangeset` writes them")]

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer};
use recto_domain::{Book, BookId, Isbn, Language, PublishedDate, TagName, UserId, text_key};

use super::relations::EDGES;
use crate::connection::{lock_row, on_engine};
use crate::query::SqlKey as _;
use crate::relation::{optional, stored};
use crate::row::Reading;
use crate::schema::{book_tags, books, tags};
use crate::sql_types::{InstantValue, UidValue};
use crate::{Connection, Error};

#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = books, primary_key(uid))]
pub(crate) struct BookRow {
    uid: UidValue,
    title: String,
    author: String,
    publisher: Option<String>,
    published_date: Option<i32>,
    page_count: Option<i32>,
    language: Option<String>,
    isbn: Option<String>,
    pub(super) user_uid: Option<UidValue>,
    created_at: InstantValue,
    updated_at: InstantValue,
}

impl TryFrom<BookRow> for Book {
    type Error = Error;

    fn try_from(row: BookRow) -> Result<Self, Error> {
        let uid = BookId::from_uuid(row.uid.0);
        let reading = Reading { table: "books", row: &uid };
        let published_date = row.published_date.map(PublishedDate::from_sort_key).transpose();
        Ok(Self {
            title: reading.column("title", row.title)?,
            author: reading.column("author", row.author)?,
            publisher: reading.optional("publisher", row.publisher)?,
            published_date: published_date
                .map_err(|reason| reading.corrupt("published_date", &reason))?,
            page_count: reading.optional("page_count", row.page_count.map(i64::from))?,
            language: reading.optional("language", row.language)?,
            isbn: reading.optional("isbn", row.isbn)?,
            user_uid: row.user_uid.map(|uid| UserId::from_uuid(uid.0)),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            uid,
        })
    }
}

#[derive(Debug, Insertable, AsChangeset)]
#[diesel(
    table_name = books,
    treat_none_as_null = true,
    // Several rows fit in one statement on SQLite only where none leaves out a column.
    treat_none_as_default_value = false
)]
pub(super) struct BookRecord<'a> {
    uid: UidValue,
    title: &'a str,
    title_key: String,
    author: &'a str,
    author_key: String,
    publisher: Option<&'a str>,
    published_date: Option<i32>,
    page_count: Option<i32>,
    language: Option<&'a str>,
    isbn: Option<&'a str>,
    user_uid: Option<UidValue>,
    created_at: InstantValue,
    updated_at: InstantValue,
}

impl<'a> From<&'a Book> for BookRecord<'a> {
    fn from(book: &'a Book) -> Self {
        Self {
            uid: book.uid.value(),
            title: book.title.as_str(),
            title_key: text_key(book.title.as_str()),
            author: book.author.as_str(),
            author_key: text_key(book.author.as_str()),
            publisher: book.publisher.as_ref().map(AsRef::as_ref),
            published_date: book.published_date.map(PublishedDate::sort_key),
            page_count: book.page_count.map(|count| count.get().cast_signed()),
            language: book.language.as_ref().map(AsRef::as_ref),
            isbn: book.isbn.as_ref().map(AsRef::as_ref),
            user_uid: book.user_uid.map(UserId::value),
            created_at: InstantValue(book.created_at),
            updated_at: InstantValue(book.updated_at),
        }
    }
}

/// What a page of books can be narrowed by; everything given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BookFilter {
    /// The credit line contains this, without regard to case.
    pub author: Option<String>,
    /// In that language.
    pub language: Option<Language>,
    /// Bearing all of these tags.
    pub tags: Vec<TagName>,
    /// Kept by that user.
    pub user_uid: Option<UserId>,
    /// With that ISBN.
    pub isbn: Option<Isbn>,
    /// Published on that date or later; a date counts as the first day of what is known.
    pub published_from: Option<PublishedDate>,
    /// Published within that period or earlier.
    pub published_to: Option<PublishedDate>,
}

/// Narrows a boxed query by the parts of a [`BookFilter`] that are given.
macro_rules! narrow {
    ($query:ident, $filter:ident) => {{
        let mut query = $query;
        if let Some(author) = &$filter.author {
            query = query.filter(books::author_key.like(containing(author)).escape('\\'));
        }
        if let Some(language) = &$filter.language {
            query = query.filter(books::language.eq(language.as_ref()));
        }
        for tag in &$filter.tags {
            let bearing = book_tags::table
                .inner_join(tags::table)
                .filter(tags::name_key.eq(tag.key()))
                .select(book_tags::book_id);
            query = query.filter(books::uid.eq_any(bearing));
        }
        if let Some(user) = $filter.user_uid {
            query = query.filter(books::user_uid.eq(user.value()));
        }
        if let Some(isbn) = &$filter.isbn {
            query = query.filter(books::isbn.eq(isbn.as_ref()));
        }
        if $filter.published_from.is_some() || $filter.published_to.is_some() {
            let from = $filter.published_from.map_or(i32::MIN, |from| from.sort_key());
            // Below what stands for no date in the column that is indexed.
            let to = $filter.published_to.map_or(i32::MAX - 1, |to| to.last_sort_key());
            query = query.filter(
                sql::<Bool>(r#""books"."published_date_asc" BETWEEN "#)
                    .bind::<Integer, _>(from)
                    .sql(" AND ")
                    .bind::<Integer, _>(to),
            );
        }
        query
    }};
}

stored! {
    Book, BookRow, books.uid,
    edges: EDGES,
    sorts: [
        "title" => "title_key",
        "author" => "author_key",
        "published_date" => "published_date_asc",
        "-published_date" => "published_date_desc",
        "page_count" => "page_count_asc",
        "-page_count" => "page_count_desc",
    ],
    filter: BookFilter, |query, filter| narrow!(query, filter)
}

/// A `LIKE` pattern for texts whose key contains that of `text`.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text_key(text).chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Adds a book.
///
/// # Errors
/// A failing database.
pub fn insert(conn: &mut Connection, book: &Book) -> Result<(), Error> {
    on_engine!(conn, c => {
        diesel::insert_into(books::table).values(BookRecord::from(book)).execute(c)?
    });
    Ok(())
}

/// The book with that key, kept as it is until the transaction ends.
///
/// # Errors
/// A failing database.
pub fn lock(conn: &mut Connection, uid: BookId) -> Result<Option<Book>, Error> {
    let row = lock_row!(conn, books, uid.value(), BookRow);
    optional(row)?.map(Book::try_from).transpose()
}

/// Stores what has changed about a book.
///
/// # Errors
/// A failing database.
pub fn update(conn: &mut Connection, book: &Book) -> Result<(), Error> {
    let record = BookRecord::from(book);
    on_engine!(conn, c => {
        diesel::update(books::table.find(book.uid.value())).set(&record).execute(c)?
    });
    Ok(())
}

/// Deletes a book with its reviews and taggings. Tells whether there was one.
///
/// # Errors
/// A failing database.
pub fn delete(conn: &mut Connection, uid: BookId) -> Result<bool, Error> {
    let deleted = on_engine!(conn, c => {
        diesel::delete(books::table.find(uid.value())).execute(c)?
    });
    Ok(deleted > 0)
}

/// Whether there is a book with that key. It may be gone by the time something
/// is hung on it; the foreign key decides.
///
/// # Errors
/// A failing database.
pub fn exists(conn: &mut Connection, uid: BookId) -> Result<bool, Error> {
    let found = on_engine!(conn, c => {
        books::table.find(uid.value()).select(books::uid).get_result::<UidValue>(c)
    });
    Ok(optional(found)?.is_some())
}
