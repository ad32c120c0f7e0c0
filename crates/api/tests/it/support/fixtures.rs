//! People and books to test with.

use std::sync::OnceLock;

use recto_domain::{
    Account, Book, BookId, Email, IdGenerator as _, Input as _, NewBook, NewId, NewReview,
    Password, PasswordHash, Review, Role, Session, SessionId, Tag, TagId, TagName, TokenPairId,
    User, UserId, Username,
};
use recto_identity::password::Hasher;
use recto_identity::secret::Secrets;
use recto_identity::token::Tokens;
use recto_persistence::identity::account;
use recto_persistence::identity::session::{self, NewSession};
use recto_persistence::{Connection, Error, SystemIds, catalog};
use recto_testkit::server::{Client, PASSWORD, SECRET, TestServer};
use serde_json::{Value, json};

use super::assertions::{Told as _, uid};

/// A key that nothing has.
pub(crate) const NOBODY: &str = "0190b4a0-0000-7000-8000-000000000000";

/// An administrator and two who are none, each with an account and signed in.
pub(crate) struct Library<'s> {
    pub(crate) admin: Client<'s>,
    pub(crate) ada: Client<'s>,
    pub(crate) bob: Client<'s>,
    pub(crate) anyone: Client<'s>,
}

impl<'s> Library<'s> {
    pub(crate) fn on(server: &'s TestServer) -> Self {
        // From here on, panics of the server are noted.
        super::raw_http::panics();
        Self {
            admin: member(server, "root", Role::Admin),
            ada: member(server, "ada", Role::User),
            bob: member(server, "bob", Role::User),
            anyone: server.anonymous(),
        }
    }

    /// Everybody there is, by name.
    pub(crate) fn everybody(&self) -> [(&'static str, &Client<'s>); 4] {
        [("anyone", &self.anyone), ("ada", &self.ada), ("bob", &self.bob), ("admin", &self.admin)]
    }
}

/// Somebody with an account, signed in without the cost of it; the password is
/// everybody's.
pub(crate) fn member<'s>(server: &'s TestServer, name: &str, role: Role) -> Client<'s> {
    let user = User::new(SystemIds.new_id(), Username::parse(name).unwrap(), None, None);
    let email = Email::parse(&format!("{name}@example.org")).unwrap();
    let mut account = Account::new(user.uid, email, role);
    account.verified = true;
    let owner = user.uid;
    write(server, move |conn| {
        conn.insert(user.clone())?;
        account::insert(conn, &account, password(), user.created_at)
    });
    let new_id = SystemIds.new_id();
    open_session(server, owner, new_id);
    let issued =
        Tokens::new(&Secrets::new(SECRET, None).unwrap()).issue(owner, new_id.at(), new_id.uid());
    let uid = owner.to_string();
    let mut client = server.bearer(&issued.access_token);
    client.uid = uid;
    client
}

/// A session whose access token has that id, as signing in opens it.
pub(crate) fn open_session(server: &TestServer, user: UserId, token: NewId) {
    let now = SystemIds.new_id();
    write(server, move |conn| {
        let new = NewSession {
            id: SessionId::from_uuid(now.uid()),
            user,
            pair: TokenPairId::from_uuid(token.uid()),
            refresh: None,
            client: &recto_domain::Client::default(),
            at: now.at(),
            expires_at: now.at() + Session::IDLE,
        };
        session::open(conn, &new)
    });
}

/// The hash of everybody's password.
pub(crate) fn password() -> &'static PasswordHash {
    static HASH: OnceLock<PasswordHash> = OnceLock::new();
    HASH.get_or_init(|| {
        Hasher::default().hash_blocking(&Password::parse(PASSWORD).unwrap()).unwrap()
    })
}

/// A reader without an account, as imports bring them.
pub(crate) fn reader(server: &TestServer, name: &str) -> UserId {
    let user = User::new(SystemIds.new_id(), Username::parse(name).unwrap(), None, None);
    write(server, {
        let user = user.clone();
        move |conn| conn.insert(user.clone()).map(|_| ())
    });
    user.uid
}

/// Writes past the interface, for what it has no quick way to make.
pub(crate) fn write(
    server: &TestServer,
    work: impl FnMut(&mut Connection) -> Result<(), Error> + Send + 'static,
) {
    server.database().open().write_blocking(work).expect("the rows are written");
}

/// A book that the client adds.
#[track_caller]
pub(crate) fn add_book(client: &Client<'_>, title: &str) -> Value {
    let body = json!({"title": title, "author": "Jane Austen"});
    client.post("/books", &body).gives(201).clone()
}

/// A review that the client writes.
#[track_caller]
pub(crate) fn add_review(client: &Client<'_>, book: &Value, rating: u8) -> Value {
    let body = json!({"rating": rating, "review_text": ""});
    client.post(&format!("/books/{}/reviews", uid(book)), &body).gives(201).clone()
}

/// A tag that the client adds.
#[track_caller]
pub(crate) fn add_tag(client: &Client<'_>, name: &str) -> Value {
    client.post("/tags", &json!({"name": name})).gives(201).clone()
}

/// Puts tags on a book by name.
#[track_caller]
pub(crate) fn tag_book(client: &Client<'_>, book: &Value, names: &[&str]) -> Value {
    client.post(&format!("/books/{}/tags", uid(book)), &tags(names)).gives(200).clone()
}

/// The body that names these tags.
pub(crate) fn tags(names: &[&str]) -> Value {
    let tags: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
    json!({ "tags": tags })
}

/// A shelf whose books differ in every member that pages are sorted or
/// narrowed by. `ada` and `bob` own some, some are nobody's.
pub(crate) fn fill_shelf(library: &Library<'_>) -> Vec<Value> {
    let shelf = [
        (&library.ada, "Émile", "Jean-Jacques Rousseau", json!("1762"), json!(512), json!("fr")),
        (&library.ada, "zebra", "Anonymous", json!(null), json!(null), json!(null)),
        (&library.bob, "Apple", "Zoë Straße", json!("-0749"), json!(12), json!("de")),
        (&library.bob, "apple", "zoë STRASSE", json!("1999-07"), json!(12), json!("de-AT")),
        (&library.bob, "ﬀ and so on", "O. Ligature", json!("1999-07-08"), json!(null), json!("en")),
        (&library.ada, "日本", "名無し", json!("1999"), json!(300), json!("ja")),
        (&library.ada, "Dune", "Frank Herbert", json!("1965-08-01"), json!(612), json!("en")),
        (&library.bob, "Emma", "Jane Austen", json!("1815-12-23"), json!(474), json!("en")),
    ];
    let mut books = Vec::new();
    for (owner, title, author, date, pages, language) in shelf {
        let body = json!({
            "title": title, "author": author, "published_date": date, "page_count": pages,
            "language": language,
        });
        books.push(owner.post("/books", &body).gives(201).clone());
    }
    tag_book(&library.ada, &books[0], &["Classics", "Education"]);
    tag_book(&library.ada, &books[6], &["classics", "Science Fiction", "100%_sand\\"]);
    tag_book(&library.bob, &books[7], &["Classics"]);
    for (rating, book) in [(5, &books[0]), (3, &books[6]), (1, &books[7])] {
        add_review(&library.ada, book, rating);
        add_review(&library.bob, book, 6 - rating);
    }
    books
}

/// Books, all bearing a tag of that name; for more than one would post.
pub(crate) fn many_books(server: &TestServer, tag: &str, count: usize) -> (TagId, Vec<BookId>) {
    let tag = Tag::new(SystemIds.new_id(), TagName::parse(tag).unwrap());
    let new = |number| {
        let body = json!({"title": format!("Volume {number:03}"), "author": "Various"});
        Book::new(SystemIds.new_id(), NewBook::parse(&body).unwrap(), None)
    };
    let books: Vec<Book> = (0..count).map(new).collect();
    let keys = (tag.uid, books.iter().map(|book| book.uid).collect());
    write(server, move |conn| {
        conn.insert(tag.clone())?;
        for book in &books {
            conn.insert(book.clone())?;
            catalog::book_tag::add_one(conn, book.uid, tag.uid)?;
        }
        Ok(())
    });
    keys
}

/// Reviews of a book by readers without accounts, ratings 1 to 5 in turn.
pub(crate) fn many_reviews(server: &TestServer, book: BookId, count: usize) {
    let mut users = Vec::new();
    let mut reviews = Vec::new();
    for number in 0..count {
        let name = format!("reader.{}.{number}", SystemIds.new_id().uid().simple());
        let user = User::new(SystemIds.new_id(), Username::parse(&name).unwrap(), None, None);
        let body = json!({"rating": number % 5 + 1, "review_text": format!("Number {number}")});
        let new = NewReview::parse(&body).unwrap();
        reviews.push(Review::new(SystemIds.new_id(), new, user.uid, book));
        users.push(user);
    }
    write(server, move |conn| {
        for (user, review) in users.iter().zip(&reviews) {
            conn.insert(user.clone())?;
            conn.insert(review.clone())?;
        }
        Ok(())
    });
}
