//! The routes of the module `catalog`.

use recto_domain::{
    Author, AuthorBooks, AuthorPatch, Book, BookBatch, BookContributors, BookOutcomes, BookPatch,
    BookReviews, BookTags, BookUser, Contributors, Disabling, NewBookGraph, NewReview, NewTag,
    Review, ReviewBook, ReviewPatch, ReviewUser, RoleChange, Tag, TagBooks, TagNames, User,
    UserBooks, UserPatch, UserReviews,
};
use recto_identity::Access;

use super::{add_many, add_one};
use crate::catalog::{authors, batch, books, reviews, tags, users};
use crate::components::UserWithOptionalAccount;
use crate::crud;
use crate::problem::ProblemType;
use crate::table::{Operation, RouteTable};

pub(super) fn add(table: &mut RouteTable) {
    add_books(table);
    add_book_relations(table);
    add_reviews(table);
    add_tags(table);
    add_authors(table);
    add_users(table);
}

fn add_books(table: &mut RouteTable) {
    table.group("books");
    table.at("/books").get(crud::page::<Book>, Operation::page::<Book>("List books")).post(
        books::create,
        Operation::new(
            "Create a book",
            "Creates a book, owned by the caller. If the body contains `tags` or `contributors`, so does the response. Without `contributors`, the names in `author` become the contributors.",
        )
        .requires(Access::Verified)
        .body::<NewBookGraph>()
        .optional_body_field::<NewBookGraph>("author")
        .creates::<Book>()
        .conflicts(&[ProblemType::QuotaExceeded]),
    );
    // Before `/books/{uid}`, which would match it.
    table.at("/books/batch").post(
        batch::upsert,
        Operation::new(
            "Create or update many books",
            "Writes up to 1,000 books in one transaction, all or none. No ISBN may occur twice. If the caller owns books with the same ISBN, the newest of them is updated, as by a PATCH; for an administrator who owns none, the newest of any owner. Otherwise, and without an ISBN, the book is added, owned by the caller.",
        )
        .requires(Access::Verified)
        .body::<BookBatch>()
        .returns::<BookOutcomes>("The outcome of each book, in the order of the request.")
        .conflicts(&[ProblemType::QuotaExceeded]),
    );
    table
        .at("/books/{uid}")
        .get(crud::item::<Book>, Operation::item::<Book>("Get a book"))
        .patch(
            books::patch,
            Operation::new(
                "Update a book",
                "Changes only the given fields. `null` clears a field. A changed `author` replaces the contributors. Only the owner and administrators may do this.",
            )
            .requires(Access::Verified)
            .body::<BookPatch>()
            .returns_entity::<Book>("The changed book.")
            .conflicts(&[ProblemType::QuotaExceeded]),
        )
        .delete(
            books::delete,
            Operation::new(
                "Delete a book",
                "Deletes the book and its reviews. Only the owner and administrators may do this.",
            )
            .requires(Access::Verified),
        );
    add_one::<BookUser>(table, "Get a book's owner");
}

fn add_book_relations(table: &mut RouteTable) {
    table
        .at("/books/{uid}/reviews")
        .get(crud::many::<BookReviews>, Operation::many::<BookReviews>("List a book's reviews"))
        .post(
            crud::create_below::<Book, Review>,
            Operation::new(
                "Create a review",
                "Adds a review by the caller. A user can review a book once.",
            )
            .requires(Access::Verified)
            .body::<NewReview>()
            .creates::<Review>()
            .conflicts(&[ProblemType::AlreadyReviewed, ProblemType::QuotaExceeded]),
        );
    table
        .at("/books/{uid}/contributors")
        .get(
            crud::many::<BookContributors>,
            Operation::many::<BookContributors>("List a book's contributors"),
        )
        .put(
            books::set_contributors,
            Operation::new(
                "Set a book's contributors",
                "Replaces the contributors, in the given order, and sets `author` to their names, separated by commas. Authors that do not exist are created. Only the owner and administrators may do this.",
            )
            .requires(Access::Verified)
            .body::<Contributors>()
            .returns_entity::<Book>("The book with its contributors.")
            .conflicts(&[ProblemType::QuotaExceeded]),
        );
    table
        .at("/books/{uid}/tags")
        .get(crud::many::<BookTags>, Operation::many::<BookTags>("List a book's tags"))
        .post(
            books::add_tags,
            Operation::new(
                "Add tags to a book",
                "Tags that do not exist are created. Only the owner and administrators may do this.",
            )
            .requires(Access::Verified)
            .body::<TagNames>()
            .returns_entity::<Book>("The book with its tags.")
            .conflicts(&[ProblemType::QuotaExceeded]),
        )
        .put(
            books::set_tags,
            Operation::new(
                "Set a book's tags",
                "Replaces the tags of the book. Tags that do not exist are created. Only the owner and administrators may do this.",
            )
            .requires(Access::Verified)
            .body::<TagNames>()
            .returns_entity::<Book>("The book with its tags.")
            .conflicts(&[ProblemType::QuotaExceeded]),
        );
    table
        .at("/books/{uid}/tags/{tag_uid}")
        .put(
            books::add_tag,
            Operation::new(
                "Add a tag to a book",
                "Succeeds without a change if the book has the tag. Only the owner and administrators may do this.",
            )
            .requires(Access::Verified),
        )
        .delete(
            books::remove_tag,
            Operation::new(
                "Remove a tag from a book",
                "Succeeds without a change if the book does not have the tag. Only the owner and administrators may do this.",
            )
            .requires(Access::Verified),
        );
}

fn add_reviews(table: &mut RouteTable) {
    table.group("reviews");
    table.at("/reviews").get(
        crud::page::<Review>,
        Operation::page::<Review>("List reviews").requires(Access::Admin),
    );
    table
        .at("/reviews/{uid}")
        .get(crud::item::<Review>, Operation::item::<Review>("Get a review"))
        .patch(
            reviews::patch,
            Operation::new(
                "Update a review",
                "Changes only the given fields. Only the reviewer may do this.",
            )
            .requires(Access::Verified)
            .body::<ReviewPatch>()
            .returns_entity::<Review>("The changed review."),
        )
        .delete(
            reviews::delete,
            Operation::new(
                "Delete a review",
                "Deletes the review. Only the reviewer and administrators may do this.",
            )
            .requires(Access::Verified),
        );
    add_one::<ReviewBook>(table, "Get a review's book");
    add_one::<ReviewUser>(table, "Get a review's user");
}

fn add_tags(table: &mut RouteTable) {
    table.group("tags");
    table.at("/tags").get(crud::page::<Tag>, Operation::page::<Tag>("List tags")).post(
        tags::create,
        Operation::new("Create a tag", "Names are unique, ignoring case.")
            .requires(Access::Verified)
            .body::<NewTag>()
            .creates::<Tag>()
            .conflicts(&[ProblemType::TagExists, ProblemType::QuotaExceeded]),
    );
    table
        .at("/tags/{uid}")
        .get(crud::item::<Tag>, Operation::item::<Tag>("Get a tag"))
        .put(
            tags::rename,
            Operation::new(
                "Rename a tag",
                "Renames the tag on all of its books. Only the user who created it and administrators may do this.",
            )
            .requires(Access::Verified)
            .body::<NewTag>()
            .returns_entity::<Tag>("The renamed tag.")
            .conflicts(&[ProblemType::TagExists]),
        )
        .delete(
            crud::delete::<Tag>,
            Operation::new("Delete a tag", "Deletes the tag and removes it from its books.")
                .requires(Access::Admin),
        );
    add_many::<TagBooks>(table, "List a tag's books");
}

fn add_authors(table: &mut RouteTable) {
    table.group("authors");
    table.at("/authors").get(crud::page::<Author>, Operation::page::<Author>("List authors"));
    table
        .at("/authors/{uid}")
        .get(crud::item::<Author>, Operation::item::<Author>("Get an author"))
        .patch(
            authors::patch,
            Operation::new(
                "Rename an author",
                "The `author` of books, which names their contributors, stays as it is.",
            )
            .requires(Access::Admin)
            .body::<AuthorPatch>()
            .returns_entity::<Author>("The changed author.")
            .conflicts(&[ProblemType::AuthorExists]),
        )
        .delete(
            crud::delete::<Author>,
            Operation::new("Delete an author", "Deletes an author whom no book credits.")
                .requires(Access::Admin)
                .conflicts(&[ProblemType::StillReferenced]),
        );
    add_many::<AuthorBooks>(table, "List an author's books");
}

fn add_users(table: &mut RouteTable) {
    table.group("users");
    table.at("/users").get(
        users::page,
        Operation::page::<User>("List users").requires(Access::Admin).returns_accounts(),
    );
    table
        .at("/users/{uid}")
        .get(
            users::item,
            Operation::item::<User>("Get a user")
                .requires(Access::OptionalSignIn)
                .returns::<UserWithOptionalAccount>(
                    "The user. The account fields are present if that user or an administrator asks.",
                ),
        )
        .patch(
            users::patch,
            Operation::new(
                "Update a user",
                "Changes only the given fields. Only the user may do this.",
            )
            .requires(Access::Verified)
            .body::<UserPatch>()
            .returns_account("The changed user.")
            .conflicts(&[ProblemType::UsernameTaken]),
        )
        .delete(
            users::delete,
            Operation::new(
                "Delete a user",
                "Deletes the user and the account. The user's books and reviews remain, without a user.",
            )
            .requires(Access::Admin)
            .conflicts(&[ProblemType::LastAdmin]),
        );
    table.group("administration");
    table.at("/users/{uid}/role").put(
        users::set_role,
        Operation::new("Set a user's role", "The role applies from the user's next request.")
            .requires(Access::AdminStepUp)
            .body::<RoleChange>()
            .returns_account("The user with the account.")
            .conflicts(&[ProblemType::LastAdmin]),
    );
    table.at("/users/{uid}/disabled").put(
        users::set_disabled,
        Operation::new(
            "Disable or enable a user",
            "Disabling ends the account's sessions. Its API keys are refused until it is enabled again.",
        )
        .requires(Access::AdminStepUp)
        .body::<Disabling>()
        .returns_account("The user with the account.")
        .conflicts(&[ProblemType::LastAdmin]),
    );
    table.group("users");
    add_many::<UserBooks>(table, "List a user's books");
    add_many::<UserReviews>(table, "List a user's reviews");
}
