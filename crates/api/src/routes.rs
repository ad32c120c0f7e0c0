//! Every path, who may call it, and what it does.

use recto_domain::{
    Book, BookPatch, BookReviews, BookTags, BookUser, Login, NewBook, NewReview, NewTag, Review,
    ReviewBook, ReviewPatch, ReviewUser, RoleChange, SignUp, Tag, TagBooks, TagNames, User,
    UserBooks, UserPatch, UserReviews,
};

use crate::catalog::{books, reviews, tags, users};
use crate::document::{PasswordGrant, SignedIn, Token, UserWithAccount};
use crate::identity::auth;
use crate::problem::Kind;
use crate::table::{Operation, Table, Who};
use crate::{document, read};

/// The whole interface below the base path.
pub(crate) fn table() -> Table {
    let mut table = Table::new();
    identity(&mut table);
    catalog_users(&mut table);
    catalog_books(&mut table);
    catalog_reviews(&mut table);
    catalog_tags(&mut table);
    table.group("meta").at("/openapi.json").get(
        document::serve,
        Operation::new("This document", "The OpenAPI description of the interface.").content(
            200,
            "An OpenAPI 3.1 document.",
            utoipa::openapi::schema::ObjectBuilder::new(),
        ),
    );
    table
}

fn identity(table: &mut Table) {
    table.group("auth");
    table.at("/auth/signup").post(
        auth::sign_up,
        Operation::new("Sign up", "Makes a user and its account.")
            .takes::<SignUp>()
            .creates::<User>()
            .conflicts(&[Kind::UsernameTaken, Kind::EmailTaken]),
    );
    table.at("/auth/login").post(
        auth::login,
        Operation::new("Sign in", "Gives an access token for an e-mail address and a password.")
            .takes::<Login>()
            .gives::<SignedIn>("Signed in.")
            .refuses(&[Kind::WrongCredentials]),
    );
    table.at("/auth/token").post(
        auth::token,
        Operation::new(
            "Get a token",
            "The OAuth2 password grant (RFC 6749 section 4.3), for the Authorize dialog; `username` is the e-mail address. Other programs had better use `/auth/login`.",
        )
        .takes_form::<PasswordGrant>()
        .gives::<Token>("Signed in.")
        .refuses(&[Kind::InvalidGrant]),
    );
    table.at("/auth/me").get(
        auth::me,
        Operation::new("Who am I", "The caller: user and account, with books and reviews.")
            .by(Who::SignedIn)
            .gives::<UserWithAccount>("The caller."),
    );
}

fn catalog_users(table: &mut Table) {
    table.group("users");
    table
        .at("/users")
        .get(users::list, Operation::page::<User>("List users").by(Who::Verified).gives_accounts());
    table
        .at("/users/{uid}")
        .get(
            users::item,
            Operation::item::<User>("Get a user").by(Who::AnyoneOrMore).gives::<UserWithAccount>(
                "The public profile; with the account, for its owner and administrators.",
            ),
        )
        .patch(
            users::patch,
            Operation::new("Change a profile", "By the user alone.")
                .by(Who::Verified)
                .takes_patch::<UserPatch>()
                .gives::<UserWithAccount>("The changed user.")
                .conflicts(&[Kind::UsernameTaken]),
        )
        .delete(
            users::delete,
            Operation::new(
                "Delete a user",
                "By an administrator. Books and reviews stay, without a user.",
            )
            .by(Who::Verified)
            .conflicts(&[Kind::LastAdmin]),
        );
    table.at("/users/{uid}/role").put(
        users::set_role,
        Operation::new("Set a role", "By an administrator; takes effect with the next request.")
            .by(Who::Verified)
            .takes::<RoleChange>()
            .gives::<UserWithAccount>("The user with its account.")
            .conflicts(&[Kind::LastAdmin]),
    );
    table
        .at("/users/{uid}/books")
        .get(read::many::<UserBooks>, Operation::many::<UserBooks>("List a user's books"));
    table
        .at("/users/{uid}/reviews")
        .get(read::many::<UserReviews>, Operation::many::<UserReviews>("List a user's reviews"));
}

fn catalog_books(table: &mut Table) {
    table.group("books");
    table.at("/books").get(read::page::<Book>, Operation::page::<Book>("List books")).post(
        books::create,
        Operation::new("Add a book", "Whoever adds a book keeps it.")
            .by(Who::Verified)
            .takes::<NewBook>()
            .creates::<Book>(),
    );
    table
        .at("/books/{uid}")
        .get(read::item::<Book>, Operation::item::<Book>("Get a book"))
        .patch(
            books::patch,
            Operation::new(
                "Change a book",
                "By its owner or an administrator. What is absent stays, `null` clears.",
            )
            .by(Who::Verified)
            .takes_patch::<BookPatch>()
            .gives_entity::<Book>("The changed book."),
        )
        .delete(
            books::delete,
            Operation::new(
                "Delete a book",
                "By its owner or an administrator. Its reviews go with it.",
            )
            .by(Who::Verified),
        );
    table
        .at("/books/{uid}/user")
        .get(read::one::<BookUser>, Operation::one::<BookUser>("Get who keeps a book"));
    table
        .at("/books/{uid}/reviews")
        .get(read::many::<BookReviews>, Operation::many::<BookReviews>("List a book's reviews"))
        .post(
            reviews::create,
            Operation::new("Review a book", "One review a reader and book.")
                .by(Who::Verified)
                .takes::<NewReview>()
                .creates::<Review>()
                .conflicts(&[Kind::AlreadyReviewed]),
        );
    table
        .at("/books/{uid}/tags")
        .get(read::many::<BookTags>, Operation::many::<BookTags>("List a book's tags"))
        .post(
            books::add_tags,
            Operation::new("Add tags to a book", "Tags that do not exist are made.")
                .by(Who::Verified)
                .takes::<TagNames>()
                .gives_entity::<Book>("The book with its tags."),
        )
        .put(
            books::set_tags,
            Operation::new("Set a book's tags", "Makes these its tags and no others.")
                .by(Who::Verified)
                .takes::<TagNames>()
                .gives_entity::<Book>("The book with its tags."),
        );
    table
        .at("/books/{uid}/tags/{tag_uid}")
        .put(books::put_tag, Operation::new("Put a tag on a book", "Idempotent.").by(Who::Verified))
        .delete(
            books::take_tag,
            Operation::new("Take a tag off a book", "Idempotent.").by(Who::Verified),
        );
}

fn catalog_reviews(table: &mut Table) {
    table.group("reviews");
    table
        .at("/reviews")
        .get(reviews::list, Operation::page::<Review>("List reviews").by(Who::Verified));
    table
        .at("/reviews/{uid}")
        .get(read::item::<Review>, Operation::item::<Review>("Get a review"))
        .patch(
            reviews::patch,
            Operation::new("Change a review", "By its author alone.")
                .by(Who::Verified)
                .takes_patch::<ReviewPatch>()
                .gives_entity::<Review>("The changed review."),
        )
        .delete(
            reviews::delete,
            Operation::new("Delete a review", "By its author or an administrator.")
                .by(Who::Verified),
        );
    table
        .at("/reviews/{uid}/book")
        .get(read::one::<ReviewBook>, Operation::one::<ReviewBook>("Get a review's book"));
    table
        .at("/reviews/{uid}/user")
        .get(read::one::<ReviewUser>, Operation::one::<ReviewUser>("Get who wrote a review"));
}

fn catalog_tags(table: &mut Table) {
    table.group("tags");
    table.at("/tags").get(read::page::<Tag>, Operation::page::<Tag>("List tags")).post(
        tags::create,
        Operation::new("Add a tag", "Names are unique without regard to case.")
            .by(Who::Verified)
            .takes::<NewTag>()
            .creates::<Tag>()
            .conflicts(&[Kind::TagExists]),
    );
    table
        .at("/tags/{uid}")
        .get(read::item::<Tag>, Operation::item::<Tag>("Get a tag"))
        .put(
            tags::rename,
            Operation::new("Rename a tag", "Every book that bears it shows the new name.")
                .by(Who::Verified)
                .takes::<NewTag>()
                .gives_entity::<Tag>("The renamed tag.")
                .conflicts(&[Kind::TagExists]),
        )
        .delete(
            tags::delete,
            Operation::new("Delete a tag", "By an administrator; it is taken off its books.")
                .by(Who::Verified),
        );
    table
        .at("/tags/{uid}/books")
        .get(read::many::<TagBooks>, Operation::many::<TagBooks>("List a tag's books"));
}
