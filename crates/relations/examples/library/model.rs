// The entities and relations of a lending library.
// The examples in the rustdoc include this file.

use recto_relations::{
    Entity, EntityInfo, Field, LinkData, SortField, SortValue, relations, text_key,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Author {
    pub id: i64,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Book {
    pub id: i64,
    pub title: String,
    pub author_id: Option<i64>,
    pub editor_id: Option<i64>,
    pub published: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Reader {
    pub id: i64,
    pub name: String,
    pub host_id: Option<i64>,
}

/// The data of the link between a book and a reader.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Loan {
    /// The reader's position in the queue for the book.
    pub turn: i64,
    pub due_day: i64,
}

relations! {
    /// The library.
    pub static LIBRARY = "library": Author, Book, Reader;

    /// The books of an author, and the author of a book.
    AuthorBooks = Author.books: Many <=> BookAuthor = Book.author: Optional(author_id), on delete SetNull;
    /// The books that an author edited, and the editor of a book: a second foreign key to the same parent.
    EditorBooks = Author.edited: Many <=> BookEditor = Book.editor: Optional(editor_id), on delete SetNull;
    /// The readers of a book, ordered by turn, and the books that a reader borrows.
    BookReaders = Book.readers: Many by turn <=> ReaderBooks = Reader.books: Many,
        through loans(book_id, reader_id) with Loan { turn, due_day }, on delete Cascade;
    /// The guests of a reader, and the host of a guest: a relation of an entity to itself.
    ReaderGuests = Reader.guests: Many <=> ReaderHost = Reader.host: Optional(host_id), on delete SetNull;
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
        module: <Self as recto_relations::InModule>::module,
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
        sorts: &[
            SortField::text("title"),
            SortField::range("published", years),
            SortField::creation(),
        ],
        fields: &[
            Field { name: "id", declared: "i64" },
            Field { name: "title", declared: "String" },
            Field { name: "author_id", declared: "Option<i64>" },
            Field { name: "editor_id", declared: "Option<i64>" },
            Field { name: "published", declared: "i64" },
        ],
        weight: 1,
        module: <Self as recto_relations::InModule>::module,
    };

    fn key(&self) -> i64 {
        self.id
    }

    fn sort_value(&self, field: &SortField) -> SortValue {
        match field.name {
            "title" => SortValue::Text(text_key(&self.title)),
            "published" => SortValue::Integer(self.published),
            _ => SortValue::Empty,
        }
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
        module: <Self as recto_relations::InModule>::module,
    };

    fn key(&self) -> i64 {
        self.id
    }

    fn sort_value(&self, _: &SortField) -> SortValue {
        SortValue::Text(text_key(&self.name))
    }
}

impl LinkData for Loan {
    fn sort_value(&self, field: &SortField) -> SortValue {
        match field.name {
            "turn" => SortValue::Integer(self.turn),
            _ => SortValue::Empty,
        }
    }
}

/// Parses `1815` as one year and `1810s` as ten, and returns the first and the last.
fn years(text: &str) -> Option<(i64, i64)> {
    match text.strip_suffix("0s") {
        Some(decade) => decade.parse().ok().map(|decade: i64| (decade * 10, decade * 10 + 9)),
        None => text.parse().ok().map(|year| (year, year)),
    }
}
