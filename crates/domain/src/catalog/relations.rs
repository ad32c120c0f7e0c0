//! How the entities of the catalogue belong together.

use super::{Author, Book, Contribution, Review, Tag, User};
use crate::relation::{Entity, EntityInfo, SortField, SortValue};
use crate::{AuthorId, BookId, ReviewId, TagId, UserId, relations, text_key};

relations! {
    /// The room.
    pub static CATALOG = "catalog" at "";

    /// The books that a user keeps, and who keeps a book.
    UserBooks = User.books: many <=> BookUser = Book.user: optional(user_uid), on delete SetNull;
    /// The reviews that a user wrote, and who wrote a review.
    UserReviews = User.reviews: many <=> ReviewUser = Review.user: optional(user_uid), on delete SetNull;
    /// The reviews of a book, and the book that a review is of.
    BookReviews = Book.reviews: many <=> ReviewBook = Review.book: one(book_uid), on delete Cascade;
    /// The tags of a book, and the books that bear a tag.
    BookTags = Book.tags: many <=> TagBooks = Tag.books: many, through book_tags(book_id, tag_id), on delete Cascade;
    /// Whom a book credits, in the order of its credit line, and the books that credit somebody.
    BookContributors = Book.contributors: many by position <=> AuthorBooks = Author.books: many,
        through book_contributors(book_id, author_id) with Contribution { position, role }, on delete Cascade;
}

impl Entity for User {
    type Key = UserId;

    const INFO: &'static EntityInfo = &EntityInfo {
        name: "User",
        collection: "users",
        key: "uid",
        sorts: &[SortField::text("username"), SortField::creation()],
        room: || &CATALOG,
    };

    fn key(&self) -> UserId {
        self.uid
    }

    fn sort_value(&self, field: &SortField) -> SortValue {
        match field.name {
            "username" => SortValue::Text(self.username.key()),
            _ => SortValue::Empty,
        }
    }
}

impl Entity for Book {
    type Key = BookId;

    const INFO: &'static EntityInfo = &EntityInfo {
        name: "Book",
        collection: "books",
        key: "uid",
        sorts: &[
            SortField::text("title"),
            SortField::text("author"),
            SortField::integer("published_date").or_empty(),
            SortField::integer("page_count").or_empty(),
            SortField::creation(),
        ],
        room: || &CATALOG,
    };

    fn key(&self) -> BookId {
        self.uid
    }

    fn sort_value(&self, field: &SortField) -> SortValue {
        let integer = |value: Option<i64>| value.map_or(SortValue::Empty, SortValue::Integer);
        match field.name {
            "title" => SortValue::Text(text_key(self.title.as_str())),
            "author" => SortValue::Text(text_key(self.author.as_str())),
            "published_date" => integer(self.published_date.map(|date| date.sort_key().into())),
            "page_count" => integer(self.page_count.map(|count| count.get().into())),
            _ => SortValue::Empty,
        }
    }
}

impl Entity for Review {
    type Key = ReviewId;

    const INFO: &'static EntityInfo = &EntityInfo {
        name: "Review",
        collection: "reviews",
        key: "uid",
        sorts: &[SortField::integer("rating"), SortField::creation()],
        room: || &CATALOG,
    };

    fn key(&self) -> ReviewId {
        self.uid
    }

    fn sort_value(&self, field: &SortField) -> SortValue {
        match field.name {
            "rating" => SortValue::Integer(self.rating.get().into()),
            _ => SortValue::Empty,
        }
    }
}

impl Entity for Tag {
    type Key = TagId;

    const INFO: &'static EntityInfo = &EntityInfo {
        name: "Tag",
        collection: "tags",
        key: "uid",
        sorts: &[SortField::text("name"), SortField::creation()],
        room: || &CATALOG,
    };

    fn key(&self) -> TagId {
        self.uid
    }

    fn sort_value(&self, field: &SortField) -> SortValue {
        match field.name {
            "name" => SortValue::Text(self.name.key()),
            _ => SortValue::Empty,
        }
    }
}

impl Entity for Author {
    type Key = AuthorId;

    const INFO: &'static EntityInfo = &EntityInfo {
        name: "Author",
        collection: "authors",
        key: "uid",
        sorts: &[SortField::text("name"), SortField::creation()],
        room: || &CATALOG,
    };

    fn key(&self) -> AuthorId {
        self.uid
    }

    fn sort_value(&self, field: &SortField) -> SortValue {
        match field.name {
            "name" => SortValue::Text(self.name.key()),
            _ => SortValue::Empty,
        }
    }
}
