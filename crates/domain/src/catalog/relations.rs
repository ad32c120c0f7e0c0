//! The relations of the catalogue.

use recto_relations::relations;

use super::{Author, Book, Contribution, Review, Tag, User};

relations! {
    /// The catalogue.
    pub static CATALOG = "catalog": User, Book, Review, Tag, Author;

    /// The books of a user, and the owner of a book.
    UserBooks = User.books: Many <=> BookUser = Book.user: Optional(user_uid), on delete SetNull;
    /// The reviews by a user, and the reviewer.
    UserReviews = User.reviews: Many <=> ReviewUser = Review.user: Optional(user_uid), on delete SetNull;
    /// The reviews of a book, and the reviewed book.
    BookReviews = Book.reviews: Many <=> ReviewBook = Review.book: One(book_uid), on delete Cascade;
    /// The tags of a book, and the books with a tag.
    BookTags = Book.tags: Many <=> TagBooks = Tag.books: Many, through book_tags(book_id, tag_id), on delete Cascade;
    /// The contributors to a book in the order of its credit line, and the books of an author.
    BookContributors = Book.contributors: Many by position <=> AuthorBooks = Author.books: Many,
        through book_contributors(book_id, author_id) with Contribution { position, role }, on delete Cascade;
}
