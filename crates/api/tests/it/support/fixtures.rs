//! Entities to test with.

use recto_domain::{
    Book, BookId, IdGenerator as _, Input as _, NewBook, NewReview, Review, Tag, TagId, TagName,
    User, Username,
};
use recto_persistence::{Connection, Error, SystemIds, catalog};
use recto_testkit::server::{TestClient, TestServer};
use serde_json::{Value, json};

use super::assertions::{Expect as _, id, uid};

/// A UUID that no entity has.
pub(crate) const UNKNOWN_UID: &str = "0190b4a0-0000-7000-8000-000000000000";

/// Creates an entity with a POST.
#[track_caller]
pub(crate) fn create(client: &TestClient<'_>, path: &str, body: &Value) -> Value {
    client.post(path, body).expect_status(201).clone()
}

/// Creates a book.
#[track_caller]
pub(crate) fn add_book(client: &TestClient<'_>, title: &str) -> Value {
    create(client, "/books", &json!({"title": title, "author": "Jane Austen"}))
}

/// Creates a review of a book.
#[track_caller]
pub(crate) fn add_review(client: &TestClient<'_>, book: &Value, rating: u8) -> Value {
    let body = json!({"rating": rating, "review_text": ""});
    create(client, &format!("/books/{}/reviews", uid(book)), &body)
}

/// Creates a tag.
#[track_caller]
pub(crate) fn add_tag(client: &TestClient<'_>, name: &str) -> Value {
    create(client, "/tags", &json!({"name": name}))
}

/// Adds tags to a book by name and returns the book.
#[track_caller]
pub(crate) fn tag_book(client: &TestClient<'_>, book: &Value, names: &[&str]) -> Value {
    let path = format!("/books/{}/tags", uid(book));
    client.post(&path, &tags_body(names)).expect_status(200).clone()
}

/// Returns the body that names these tags.
pub(crate) fn tags_body(names: &[&str]) -> Value {
    let tags: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
    json!({ "tags": tags })
}

/// Creates a department of a company.
#[track_caller]
pub(crate) fn add_department(client: &TestClient<'_>, name: &str, company: &Value) -> Value {
    create(client, "/org/departments", &json!({"name": name, "company_id": company["id"]}))
}

/// Creates an employee of a department.
#[track_caller]
pub(crate) fn add_employee(
    client: &TestClient<'_>,
    name: &str,
    department: &Value,
    manager: Option<&Value>,
) -> Value {
    let manager = manager.map(|manager| &manager["id"]);
    let body = json!({"name": name, "department_id": department["id"], "manager_id": manager});
    create(client, "/org/employees", &body)
}

/// Enrols a student in a course.
#[track_caller]
pub(crate) fn enrol(client: &TestClient<'_>, student: &Value, course: &Value) {
    let path = format!("/school/students/{}/courses/{}", id(student), id(course));
    client.send("PUT", &path, &[], None).expect_status(204);
}

/// Creates books that differ in every field that pages are sorted or filtered by, with tags and
/// reviews. Ada and Bob own four each.
pub(crate) fn create_varied_books(ada: &TestClient<'_>, bob: &TestClient<'_>) -> Vec<Value> {
    let rows = [
        (ada, "Émile", "Jean-Jacques Rousseau", json!("1762"), json!(512), json!("fr")),
        (ada, "zebra", "Anonymous", json!(null), json!(null), json!(null)),
        (bob, "Apple", "Zoë Straße", json!("-0749"), json!(12), json!("de")),
        (bob, "apple", "zoë STRASSE", json!("1999-07"), json!(12), json!("de-AT")),
        (bob, "ﬀ and so on", "O. Ligature", json!("1999-07-08"), json!(null), json!("en")),
        (ada, "日本", "名無し", json!("1999"), json!(300), json!("ja")),
        (ada, "Dune", "Frank Herbert", json!("1965-08-01"), json!(612), json!("en")),
        (bob, "Emma", "Jane Austen", json!("1815-12-23"), json!(474), json!("en")),
    ];
    let mut books = Vec::new();
    for (owner, title, author, date, pages, language) in rows {
        let body = json!({
            "title": title, "author": author, "published_date": date, "page_count": pages,
            "language": language,
        });
        books.push(create(owner, "/books", &body));
    }
    tag_book(ada, &books[0], &["Classics", "Education"]);
    tag_book(ada, &books[6], &["classics", "Science Fiction", "100%_sand\\"]);
    tag_book(bob, &books[7], &["Classics"]);
    for (rating, book) in [(5, &books[0]), (3, &books[6]), (1, &books[7])] {
        add_review(ada, book, rating);
        add_review(bob, book, 6 - rating);
    }
    books
}

/// Writes rows to the database, where requests would be too slow.
pub(crate) fn write_rows(
    server: &TestServer,
    work: impl FnMut(&mut Connection) -> Result<(), Error> + Send + 'static,
) {
    server.database().open().write_blocking(work).expect("the rows are written");
}

/// Creates books that all have a tag of that name.
pub(crate) fn create_books_with_tag(
    server: &TestServer,
    tag: &str,
    count: usize,
) -> (TagId, Vec<BookId>) {
    let tag = Tag::new(SystemIds.new_id(), TagName::parse_existing(tag).unwrap());
    let new = |number| {
        let body = json!({"title": format!("Volume {number:03}"), "author": "Various"});
        Book::new(SystemIds.new_id(), NewBook::parse(&body).unwrap(), None)
    };
    let books: Vec<Book> = (0..count).map(new).collect();
    let keys = (tag.uid, books.iter().map(|book| book.uid).collect());
    write_rows(server, move |conn| {
        conn.insert(tag.clone())?;
        for book in &books {
            conn.insert(book.clone())?;
            catalog::book_tag::add_one(conn, book.uid, tag.uid)?;
        }
        Ok(())
    });
    keys
}

/// Creates reviews of a book by users without accounts, with ratings from 1 to 5 in turn.
pub(crate) fn create_reviews(server: &TestServer, book: BookId, count: usize) {
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
    write_rows(server, move |conn| {
        for (user, review) in users.iter().zip(&reviews) {
            conn.insert(user.clone())?;
            conn.insert(review.clone())?;
        }
        Ok(())
    });
}
