//! How the entities of the catalogue belong together.

use recto_relations::relations;

use super::{Author, Book, Contribution, Review, Tag, User};

relations! {
    /// The catalogue.
    pub static CATALOG = "catalog": User, Book, Review, Tag, Author;

    /// The books that a user keeps, and who keeps a book.
    UserBooks = User.books: Many <=> BookUser = Book.user: Optional(user_uid), on delete SetNull;
    /// The reviews that a user wrote, and who wrote a review.
    UserReviews = User.reviews: Many <=> ReviewUser = Review.user: Optional(user_uid), on delete SetNull;
    /// The reviews of a book, and the book that a review is of.
    BookReviews = Book.reviews: Many <=> ReviewBook = Review.book: One(book_uid), on delete Cascade;
    /// The tags of a book, and the books that bear a tag.
    BookTags = Book.tags: Many <=> TagBooks = Tag.books: Many, through book_tags(book_id, tag_id), on delete Cascade;
    /// Whom a book credits, in the order of its credit line, and the books that credit somebody.
    BookContributors = Book.contributors: Many by position <=> AuthorBooks = Author.books: Many,
        through book_contributors(book_id, author_id) with Contribution { position, role }, on delete Cascade;
}
