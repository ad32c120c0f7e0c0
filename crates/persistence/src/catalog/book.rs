//! Books.

#![expect(clippy::ref_option_ref, reason = "Diesel's `AsChangeset` writes them")]

use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer};
use diesel::sqlite::Sqlite;
use recto_domain::{Book, BookId, Isbn, Language, PublishedDate, TagName, UserId, text_key};
use recto_relations::Cost;
use recto_relations_diesel::{Conditions, SortColumn, Stored, Writable};

use super::user::UserRow;
use crate::generated;
use crate::row::RowContext;
use crate::schema::{book_tags, books, tags};
use crate::sql_types::{InstantValue, UidValue};
use crate::{Error, Recto, Rules};

/// A row of `books`.
#[derive(Debug, Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = books, primary_key(uid), belongs_to(UserRow, foreign_key = user_uid))]
#[diesel(check_for_backend(Sqlite, Pg))]
pub struct BookRow {
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
    version: i64,
}

impl TryFrom<BookRow> for Book {
    type Error = Error;

    fn try_from(row: BookRow) -> Result<Self, Error> {
        let uid = BookId::from(row.uid);
        let context = RowContext { table: "books", row: &uid };
        let published_date = row.published_date.map(PublishedDate::from_sort_key).transpose();
        Ok(Self {
            title: context.column("title", row.title)?,
            author: context.column("author", row.author)?,
            publisher: context.optional("publisher", row.publisher)?,
            published_date: published_date
                .map_err(|reason| context.corrupt("published_date", &reason))?,
            page_count: context.optional("page_count", row.page_count.map(i64::from))?,
            language: context.optional("language", row.language)?,
            isbn: context.optional("isbn", row.isbn)?,
            user_uid: row.user_uid.map(UserId::from),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            version: row.version.into(),
            uid,
        })
    }
}

/// The written columns of a book.
#[derive(Debug, Insertable, AsChangeset)]
#[diesel(
    table_name = books,
    treat_none_as_null = true,
    // Needed to insert several rows in one statement on SQLite.
    treat_none_as_default_value = false
)]
pub struct BookRecord<'a> {
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
    version: i64,
}

impl<'a> From<&'a Book> for BookRecord<'a> {
    fn from(book: &'a Book) -> Self {
        Self {
            uid: book.uid.into(),
            title: book.title.as_str(),
            title_key: text_key(book.title.as_str()),
            author: book.author.as_str(),
            author_key: text_key(book.author.as_str()),
            publisher: book.publisher.as_ref().map(AsRef::as_ref),
            published_date: book.published_date.map(PublishedDate::sort_key),
            page_count: book.page_count.map(|count| count.get().cast_signed()),
            language: book.language.as_ref().map(AsRef::as_ref),
            isbn: book.isbn.as_ref().map(AsRef::as_ref),
            user_uid: book.user_uid.map(UidValue::from),
            created_at: InstantValue(book.created_at),
            updated_at: InstantValue(book.updated_at),
            version: book.version.into(),
        }
    }
}

/// Conditions on books, all of which must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BookFilter {
    /// Text in the credit line, in any case.
    pub author: Option<String>,
    /// The language.
    pub language: Option<Language>,
    /// Tags, all of which the book must have.
    pub tags: Vec<TagName>,
    /// The owner.
    pub user_uid: Option<UserId>,
    /// The ISBN.
    pub isbn: Option<Isbn>,
    /// The earliest date of publication. A year comes before its months, and a month before its
    /// days: `1999-01` does not find a book dated `1999`.
    pub published_from: Option<PublishedDate>,
    /// The latest date of publication; a date without a day or month includes all its days.
    pub published_to: Option<PublishedDate>,
}

impl Stored<Recto> for Book {
    type Row = BookRow;
    type Filter = BookFilter;
    const SORTS: &'static [SortColumn] = &[
        SortColumn::new("title", &books::title_key),
        SortColumn::new("author", &books::author_key),
        SortColumn::nullable(
            "published_date",
            &generated::books::published_date_asc,
            &generated::books::published_date_desc,
        ),
        SortColumn::nullable(
            "page_count",
            &generated::books::page_count_asc,
            &generated::books::page_count_desc,
        ),
    ];

    fn apply_filter(filter: &BookFilter, conditions: &mut Conditions<books::table>) {
        if let Some(author) = &filter.author {
            conditions.add(books::author_key.like(containing(author)).escape('\\'));
        }
        if let Some(language) = &filter.language {
            conditions.add(books::language.eq(language.to_string()));
        }
        for tag in &filter.tags {
            let tagged = book_tags::table
                .inner_join(tags::table)
                .filter(tags::name_key.eq(tag.key()))
                .select(book_tags::book_id);
            conditions.add(books::uid.eq_any(tagged));
        }
        if let Some(user) = filter.user_uid {
            conditions.add(books::user_uid.eq(UidValue::from(user)));
        }
        if let Some(isbn) = &filter.isbn {
            conditions.add(books::isbn.eq(isbn.to_string()));
        }
        if filter.published_from.is_some() || filter.published_to.is_some() {
            let from = filter.published_from.map_or(i32::MIN, PublishedDate::sort_key);
            // Less than the value of this column for books without a date.
            let to = filter.published_to.map_or(i32::MAX - 1, PublishedDate::last_sort_key);
            conditions.add(
                sql::<Bool>(r#""books"."published_date_asc" BETWEEN "#)
                    .bind::<Integer, _>(from)
                    .sql(" AND ")
                    .bind::<Integer, _>(to),
            );
        }
    }

    fn filter_cost(filter: &BookFilter) -> Cost {
        let BookFilter { author, language, tags, user_uid, isbn, published_from, published_to } =
            filter;
        let unindexed = author.is_some()
            || !tags.is_empty()
            || published_from.is_some()
            || published_to.is_some();
        // Each of these has an index with the default order of pages.
        let indexed = [language.is_some(), user_uid.is_some(), isbn.is_some()];
        match indexed.into_iter().filter(|given| *given).count() {
            0 if !unindexed => Cost::default(),
            1 if !unindexed => Cost::of_entities(1),
            _ => Cost::SCAN,
        }
    }
}

impl Writable<Recto> for Book {
    type Record<'a> = BookRecord<'a>;
}

impl Rules for Book {
    type References = ();
}

/// Returns a `LIKE` pattern for keys that contain the key of `text`.
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
