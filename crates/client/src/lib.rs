//! A typed client of Recto's REST interface, over the entities, inputs and relations of
//! [`recto_domain`].
//!
//! ```
//! use futures_util::TryStreamExt as _;
//! use recto_client::{Client, Error};
//! use recto_domain::{
//!     Book, BookPatch, BookReviews, BookUser, Change, CreditLine, NewBook, NewReview, PageCount,
//!     Rating, ReviewText, ReviewUser, Title,
//! };
//!
//! # use recto_testkit::database::Engine;
//! # use recto_testkit::server::{PASSWORD, TestServer};
//! # let Some(server) = TestServer::start(Engine::Sqlite) else { return Ok(()) };
//! # server.sign_up("ada");
//! # let (base_url, email, password) = (server.url("/"), "ada@example.org", PASSWORD);
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let client = Client::new(base_url)?;
//! client.sign_in(email, password).await?;
//!
//! let flatland = client
//!     .create_book(NewBook {
//!         title: Title::parse("Flatland")?,
//!         author: CreditLine::parse("Edwin A. Abbott")?,
//!         publisher: None,
//!         published_date: Some("1884".parse()?),
//!         page_count: None,
//!         language: Some("en".parse()?),
//!         isbn: None,
//!     })
//!     .await?;
//! let review = NewReview { rating: Rating::new(5)?, review_text: ReviewText::parse("A romance.")? };
//! client.create_below(BookReviews, flatland.uid, &review).await?;
//!
//! // Relations are loaded and followed by their types.
//! let flatland = client
//!     .get::<Book>(flatland.uid)
//!     .include(BookUser)
//!     .include_with(BookReviews, |reviews| reviews.limit(5).sort("-rating").include(ReviewUser))
//!     .count(BookReviews)
//!     .await?;
//! assert_eq!(flatland.count(BookReviews)?, 1);
//! for review in flatland.get(BookReviews)?.items {
//!     let reviewer = review.get(ReviewUser)?.map(|user| user.username.to_string());
//!     assert_eq!((review.rating.get(), reviewer.as_deref()), (5, Some("ada")));
//! }
//!
//! // A change is refused if the book has been changed since it was read.
//! let patch = BookPatch { page_count: Change::Set(Some(PageCount::new(96)?)), ..BookPatch::default() };
//! let changed = client.update(&flatland, &patch).await?;
//! assert!(matches!(client.update(&flatland, &patch).await, Err(Error::Changed(_))));
//!
//! // The items of all pages.
//! let mut books = client.list::<Book>().filter("author", "abbott").sort("title").stream();
//! while let Some(book) = books.try_next().await? {
//!     println!("{}, {:?}", book.title, book.published_date);
//! }
//!
//! client.delete(&changed).await?;
//! assert!(client.get::<Book>(changed.uid).await.unwrap_err().is_not_found());
//! client.sign_out().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Retries
//!
//! A request is sent again if the connection fails, after 502, 503 and 504, after 429 with
//! `Retry-After`, and after 409 `request-in-progress`: at most 3 times and only within the timeout
//! of the call. The client waits as long as the server asks and then a random time, whose bound
//! doubles with each attempt.
//!
//! Only requests that have the same effect once or several times are sent again: GET, PUT and
//! DELETE, and POST and PATCH since each has an `Idempotency-Key` of its own. Of those below
//! `/auth`, which ignore such keys, only GET is.
//!
//! A call that fails by [`Error::Connection`] or [`Error::TimedOut`] may have changed something. So
//! may one that sends a conditional PUT and fails by [`Error::Changed`] ([`Client::set_tags`],
//! [`Client::set_contributors`], [`Client::update`] of a tag): if the response to the first attempt
//! was lost, the second finds the version that the first has made. Get the item again.
//!
//! # Sessions
//!
//! [`Client::sign_in`] stores a pair of tokens. The access token is refreshed before it expires, or
//! if the server refuses it; concurrent calls wait for one refresh. Scripts use an API key instead
//! ([`Builder::token`]).

mod account;
mod client;
mod error;
mod item;
mod paths;
mod read;
mod request;
mod session;
mod write;

pub use client::{Builder, Client};
pub use error::{BrokenRule, Error, Problem};
pub use item::{FromResponse, Item, Page, RelatedType, Resource, Total};
pub use read::{Read, RelationQuery};
pub use reqwest::{self, Method, StatusCode};
pub use write::Link;
