// The tables, entities, relations and rows of a lending library, and a sample database.
// The examples in the rustdoc include this file.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use recto_relations::{
    Entity, EntityInfo, Field, InModule, LinkData, SortField, SortValue, relations, text_key,
};
use recto_relations_diesel::{
    Corrupt, HasMany, HasManyThrough, ManyToMany, SameTable, SortColumn, Stored, Writable,
    map_relations,
};

// ---- Tables

diesel::table! {
    authors (id) { id -> BigInt, name -> Text, name_key -> Text }
}

diesel::table! {
    books (id) {
        id -> BigInt,
        title -> Text,
        title_key -> Text,
        author_id -> BigInt,
        editor_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    genres (id) { id -> BigInt, name -> Text, name_key -> Text }
}

diesel::table! {
    book_genres (book_id, genre_id) { book_id -> BigInt, genre_id -> BigInt }
}

diesel::table! {
    readers (id) { id -> BigInt, name -> Text, name_key -> Text, host_id -> Nullable<BigInt> }
}

diesel::table! {
    loans (book_id, reader_id) {
        book_id -> BigInt,
        reader_id -> BigInt,
        turn -> BigInt,
        due -> Text,
    }
}

diesel::table! {
    reviews (id) { id -> BigInt, stars -> BigInt, book_id -> BigInt }
}

diesel::joinable!(books -> authors (author_id));
diesel::joinable!(book_genres -> books (book_id));
diesel::joinable!(book_genres -> genres (genre_id));
diesel::joinable!(loans -> books (book_id));
diesel::joinable!(loans -> readers (reader_id));
diesel::joinable!(reviews -> books (book_id));
diesel::allow_tables_to_appear_in_same_query!(
    authors,
    books,
    genres,
    book_genres,
    readers,
    loans,
    reviews
);

// ---- Entities and relations

#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Author {
    pub id: i64,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Book {
    pub id: i64,
    pub title: String,
    pub author_id: i64,
    pub editor_id: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Genre {
    pub id: i64,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Reader {
    pub id: i64,
    pub name: String,
    pub host_id: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Review {
    pub id: i64,
    pub stars: i64,
    pub book_id: i64,
}

/// The data of the link between a book and a reader.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Loan {
    pub turn: i64,
    pub due: String,
}

relations! {
    /// The library.
    pub static LIBRARY = "library": Author, Book, Genre, Reader, Review;

    /// One to many.
    AuthorBooks = Author.books: Many <=> BookAuthor = Book.author: One(author_id), on delete Restrict;
    /// A second foreign key to the same parent.
    EditorBooks = Author.edited: Many <=> BookEditor = Book.editor: Optional(editor_id), on delete SetNull;
    /// Many to many.
    BookGenres = Book.genres: Many <=> GenreBooks = Genre.books: Many, through book_genres(book_id, genre_id), on delete Cascade;
    /// Many to many over links with data, ordered by turn.
    BookReaders = Book.readers: Many by turn <=> ReaderBooks = Reader.books: Many,
        through loans(book_id, reader_id) with Loan { turn, due }, on delete Cascade;
    /// A relation of a table to itself.
    ReaderGuests = Reader.guests: Many <=> ReaderHost = Reader.host: Optional(host_id), on delete SetNull;
    /// One to many.
    BookReviews = Book.reviews: Many <=> ReviewBook = Review.book: One(book_id), on delete Cascade;
    /// Through another relation.
    AuthorReviews = Author.reviews: Many <=> ReviewAuthor = Review.author: One, via AuthorBooks, BookReviews;
}

impl Entity for Author {
    type Key = i64;

    const INFO: &'static EntityInfo = &EntityInfo {
        name: "Author",
        collection: "authors",
        key: "id",
        sorts: &[SortField::text("name"), SortField::creation()],
        fields: &[
            Field { name: "id", declared: "i64" },
            Field { name: "name", declared: "String" },
        ],
        weight: 1,
        module: <Self as InModule>::module,
    };

    fn key(&self) -> i64 {
        self.id
    }

    fn sort_value(&self, _: &SortField) -> SortValue {
        SortValue::Text(text_key(&self.name))
    }
}

impl Entity for Book {
    type Key = i64;

    const INFO: &'static EntityInfo = &EntityInfo {
        name: "Book",
        collection: "books",
        key: "id",
        sorts: &[SortField::text("title"), SortField::creation()],
        fields: &[
            Field { name: "id", declared: "i64" },
            Field { name: "title", declared: "String" },
            Field { name: "author_id", declared: "i64" },
            Field { name: "editor_id", declared: "Option<i64>" },
        ],
        weight: 1,
        module: <Self as InModule>::module,
    };

    fn key(&self) -> i64 {
        self.id
    }

    fn sort_value(&self, _: &SortField) -> SortValue {
        SortValue::Text(text_key(&self.title))
    }
}

impl Entity for Genre {
    type Key = i64;

    const INFO: &'static EntityInfo = &EntityInfo {
        name: "Genre",
        collection: "genres",
        key: "id",
        sorts: &[SortField::text("name"), SortField::creation()],
        fields: &[
            Field { name: "id", declared: "i64" },
            Field { name: "name", declared: "String" },
        ],
        weight: 1,
        module: <Self as InModule>::module,
    };

    fn key(&self) -> i64 {
        self.id
    }

    fn sort_value(&self, _: &SortField) -> SortValue {
        SortValue::Text(text_key(&self.name))
    }
}

impl Entity for Reader {
    type Key = i64;

    const INFO: &'static EntityInfo = &EntityInfo {
        name: "Reader",
        collection: "readers",
        key: "id",
        sorts: &[SortField::text("name"), SortField::creation()],
        fields: &[
            Field { name: "id", declared: "i64" },
            Field { name: "name", declared: "String" },
            Field { name: "host_id", declared: "Option<i64>" },
        ],
        weight: 1,
        module: <Self as InModule>::module,
    };

    fn key(&self) -> i64 {
        self.id
    }

    fn sort_value(&self, _: &SortField) -> SortValue {
        SortValue::Text(text_key(&self.name))
    }
}

impl Entity for Review {
    type Key = i64;

    const INFO: &'static EntityInfo = &EntityInfo {
        name: "Review",
        collection: "reviews",
        key: "id",
        sorts: &[SortField::integer("stars"), SortField::creation()],
        fields: &[
            Field { name: "id", declared: "i64" },
            Field { name: "stars", declared: "i64" },
            Field { name: "book_id", declared: "i64" },
        ],
        weight: 1,
        module: <Self as InModule>::module,
    };

    fn key(&self) -> i64 {
        self.id
    }

    fn sort_value(&self, _: &SortField) -> SortValue {
        SortValue::Integer(self.stars)
    }
}

impl LinkData for Loan {
    fn sort_value(&self, _: &SortField) -> SortValue {
        SortValue::Integer(self.turn)
    }
}

// ---- Rows, and their conversion to entities

#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = authors, check_for_backend(Sqlite, Pg))]
pub struct AuthorRow {
    pub id: i64,
    pub name: String,
}

/// An author as editor: a second foreign key to a table needs a struct of its own.
#[derive(Debug, Identifiable)]
#[diesel(table_name = authors)]
pub struct EditorRow {
    id: i64,
}

#[derive(Debug, Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = books, check_for_backend(Sqlite, Pg))]
#[diesel(belongs_to(AuthorRow, foreign_key = author_id))]
#[diesel(belongs_to(EditorRow, foreign_key = editor_id))]
pub struct BookRow {
    pub id: i64,
    pub title: String,
    author_id: i64,
    editor_id: Option<i64>,
}

#[derive(Debug, Queryable, Selectable, Identifiable)]
#[diesel(table_name = genres, check_for_backend(Sqlite, Pg))]
pub struct GenreRow {
    id: i64,
    name: String,
}

#[derive(Debug, Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = book_genres, primary_key(book_id, genre_id), check_for_backend(Sqlite, Pg))]
#[diesel(belongs_to(BookRow, foreign_key = book_id))]
#[diesel(belongs_to(GenreRow, foreign_key = genre_id))]
pub struct BookGenreRow {
    book_id: i64,
    genre_id: i64,
}

#[derive(Debug, Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = readers, check_for_backend(Sqlite, Pg))]
#[diesel(belongs_to(ReaderRow, foreign_key = host_id))]
pub struct ReaderRow {
    id: i64,
    name: String,
    host_id: Option<i64>,
}

#[derive(Debug, Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = loans, primary_key(book_id, reader_id), check_for_backend(Sqlite, Pg))]
#[diesel(belongs_to(BookRow, foreign_key = book_id))]
#[diesel(belongs_to(ReaderRow, foreign_key = reader_id))]
pub struct LoanRow {
    book_id: i64,
    reader_id: i64,
    turn: i64,
    due: String,
}

#[derive(Debug, Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = reviews, belongs_to(BookRow, foreign_key = book_id))]
#[diesel(check_for_backend(Sqlite, Pg))]
pub struct ReviewRow {
    id: i64,
    stars: i64,
    book_id: i64,
}

impl TryFrom<AuthorRow> for Author {
    type Error = Error;

    fn try_from(row: AuthorRow) -> Result<Self, Error> {
        Ok(Self { id: row.id, name: row.name })
    }
}

impl TryFrom<BookRow> for Book {
    type Error = Error;

    fn try_from(row: BookRow) -> Result<Self, Error> {
        Ok(Self {
            id: row.id,
            title: row.title,
            author_id: row.author_id,
            editor_id: row.editor_id,
        })
    }
}

impl TryFrom<GenreRow> for Genre {
    type Error = Error;

    fn try_from(row: GenreRow) -> Result<Self, Error> {
        Ok(Self { id: row.id, name: row.name })
    }
}

impl TryFrom<ReaderRow> for Reader {
    type Error = Error;

    fn try_from(row: ReaderRow) -> Result<Self, Error> {
        Ok(Self { id: row.id, name: row.name, host_id: row.host_id })
    }
}

impl TryFrom<ReviewRow> for Review {
    type Error = Error;

    fn try_from(row: ReviewRow) -> Result<Self, Error> {
        Ok(Self { id: row.id, stars: row.stars, book_id: row.book_id })
    }
}

impl From<LoanRow> for Loan {
    fn from(row: LoanRow) -> Self {
        Self { turn: row.turn, due: row.due }
    }
}

impl From<BookGenreRow> for () {
    fn from(_: BookGenreRow) {}
}

// ---- The mapping of entities and relations

/// The mapping of the library.
#[derive(Debug)]
pub enum Library {}

pub type Connection = recto_relations_diesel::Connection<Library>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Database(#[from] diesel::result::Error),
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    #[error(transparent)]
    Never(#[from] std::convert::Infallible),
}

map_relations! { Library, Error;
    AuthorBooks <=> BookAuthor: HasMany<AuthorRow, BookRow>;
    EditorBooks <=> BookEditor: HasMany<EditorRow, BookRow>;
    BookGenres <=> GenreBooks: ManyToMany<BookRow, BookGenreRow, GenreRow>;
    BookReaders <=> ReaderBooks: ManyToMany<BookRow, LoanRow, ReaderRow, loans::turn>;
    ReaderGuests <=> ReaderHost: HasMany<ReaderRow, ReaderRow, SameTable>;
    BookReviews <=> ReviewBook: HasMany<BookRow, ReviewRow>;
    AuthorReviews <=> ReviewAuthor: HasManyThrough<AuthorRow, BookRow, ReviewRow>;
}

impl Stored<Library> for Author {
    type Row = AuthorRow;
    type Filter = ();
    const SORTS: &'static [SortColumn] = &[SortColumn::new("name", &authors::name_key)];
}

impl Stored<Library> for Book {
    type Row = BookRow;
    type Filter = ();
    const SORTS: &'static [SortColumn] = &[SortColumn::new("title", &books::title_key)];
}

impl Stored<Library> for Genre {
    type Row = GenreRow;
    type Filter = ();
    const SORTS: &'static [SortColumn] = &[SortColumn::new("name", &genres::name_key)];
}

impl Stored<Library> for Reader {
    type Row = ReaderRow;
    type Filter = ();
    const SORTS: &'static [SortColumn] = &[SortColumn::new("name", &readers::name_key)];
}

impl Stored<Library> for Review {
    type Row = ReviewRow;
    type Filter = ();
    const SORTS: &'static [SortColumn] = &[SortColumn::new("stars", &reviews::stars)];
}

// ---- Writing books

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = books, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct BookRecord<'a> {
    title: &'a str,
    title_key: String,
    author_id: i64,
    editor_id: Option<i64>,
}

impl<'a> From<&'a Book> for BookRecord<'a> {
    fn from(book: &'a Book) -> Self {
        Self {
            title: &book.title,
            title_key: text_key(&book.title),
            author_id: book.author_id,
            editor_id: book.editor_id,
        }
    }
}

impl Writable<Library> for Book {
    type Record<'a> = BookRecord<'a>;
}

// ---- A sample database

/// Returns a connection to a database in memory with a few books.
pub fn connection() -> Connection {
    let sqlite = <SqliteConnection as diesel::Connection>::establish(":memory:")
        .expect("a database in memory");
    let mut conn = Connection::from(sqlite);
    conn.execute_batch(TABLES).expect("valid SQL");
    conn
}

const TABLES: &str = "
    PRAGMA foreign_keys = ON;
    CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL, name_key TEXT NOT NULL);
    CREATE TABLE books (
        id INTEGER PRIMARY KEY, title TEXT NOT NULL, title_key TEXT NOT NULL,
        author_id BIGINT NOT NULL REFERENCES authors ON DELETE RESTRICT,
        editor_id BIGINT REFERENCES authors ON DELETE SET NULL
    );
    CREATE TABLE genres (id INTEGER PRIMARY KEY, name TEXT NOT NULL, name_key TEXT NOT NULL);
    CREATE TABLE book_genres (
        book_id BIGINT NOT NULL REFERENCES books ON DELETE CASCADE,
        genre_id BIGINT NOT NULL REFERENCES genres ON DELETE CASCADE,
        PRIMARY KEY (book_id, genre_id)
    );
    CREATE TABLE readers (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, name_key TEXT NOT NULL,
        host_id BIGINT REFERENCES readers ON DELETE SET NULL
    );
    CREATE TABLE loans (
        book_id BIGINT NOT NULL REFERENCES books ON DELETE CASCADE,
        reader_id BIGINT NOT NULL REFERENCES readers ON DELETE CASCADE,
        turn BIGINT NOT NULL, due TEXT NOT NULL,
        PRIMARY KEY (book_id, reader_id), UNIQUE (book_id, turn)
    );
    CREATE TABLE reviews (
        id INTEGER PRIMARY KEY, stars BIGINT NOT NULL,
        book_id BIGINT NOT NULL REFERENCES books ON DELETE CASCADE
    );
    INSERT INTO authors VALUES (1, 'Austen', 'austen'), (2, 'Verne', 'verne');
    INSERT INTO books VALUES
        (7, 'Emma', 'emma', 1, NULL), (8, 'Persuasion', 'persuasion', 1, 2),
        (9, 'Paris', 'paris', 2, 1);
    INSERT INTO genres VALUES (1, 'Novel', 'novel'), (2, 'Satire', 'satire');
    INSERT INTO book_genres VALUES (7, 1), (7, 2), (8, 1);
    INSERT INTO readers VALUES
        (1, 'Ada', 'ada', NULL), (2, 'Bob', 'bob', 1), (3, 'Cleo', 'cleo', 1);
    INSERT INTO loans VALUES (7, 3, 1, '1816-01-01'), (7, 1, 2, '1816-02-01'), (8, 1, 1, '1818-01-01');
    INSERT INTO reviews VALUES (1, 5, 7), (2, 3, 7), (3, 4, 9);
";
