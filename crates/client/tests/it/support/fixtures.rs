//! Signed-in clients, and things to create.

use std::future::Future;

use recto_client::{Client, Error, Item};
use recto_domain::{
    Book, BookPatch, Change, CreditLine, NewBook, NewReview, NewTag, PageCount, Rating, ReviewText,
    TagName, Title,
};
use recto_testkit::server::{PASSWORD, TestServer};

/// Runs a future to its end.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

/// Signs up `name@example.org`, verified, and returns a client that is signed in.
pub(crate) async fn signed_in(server: &TestServer, name: &str) -> Client {
    server.sign_up(name);
    sign_in(server, name).await
}

/// Returns a client that is signed in as an administrator.
pub(crate) async fn administrator(server: &TestServer) -> Client {
    server.sign_up_admin("grace");
    sign_in(server, "grace").await
}

async fn sign_in(server: &TestServer, name: &str) -> Client {
    let client = server.client();
    client.sign_in(&format!("{name}@example.org"), PASSWORD).await.unwrap();
    client
}

/// Adds a book with this title.
pub(crate) async fn add_book(client: &Client, title: &str) -> Item<Book> {
    client.create_book(new_book(title)).await.unwrap()
}

pub(crate) fn new_book(title: &str) -> NewBook {
    NewBook {
        title: Title::parse(title).unwrap(),
        author: CreditLine::parse("Ada Lovelace").unwrap(),
        publisher: None,
        published_date: None,
        page_count: None,
        language: None,
        isbn: None,
    }
}

pub(crate) fn new_review(rating: i64) -> NewReview {
    let review_text = ReviewText::parse("Read it twice.").unwrap();
    NewReview { rating: Rating::new(rating).unwrap(), review_text }
}

pub(crate) fn new_tag(name: &str) -> NewTag {
    NewTag { name: TagName::parse(name).unwrap() }
}

/// Returns a patch that sets the number of pages.
pub(crate) fn pages(number: i64) -> BookPatch {
    let number = PageCount::new(number).unwrap();
    BookPatch { page_count: Change::Set(Some(number)), ..BookPatch::default() }
}

/// Returns the status of a problem.
pub(crate) fn status<T: std::fmt::Debug>(result: Result<T, Error>) -> u16 {
    let error = result.unwrap_err();
    error.problem().unwrap_or_else(|| panic!("{error:?}")).status.as_u16()
}
