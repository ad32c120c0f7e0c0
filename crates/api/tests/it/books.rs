//! Books: creating, changing and deleting them, and permissions.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::{Value, json};

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, field_names, text, timestamp, uid};
use crate::support::fixtures::{UNKNOWN_UID, add_book, add_review, tag_book};

const FIELDS: [&str; 11] = [
    "author",
    "created_at",
    "isbn",
    "language",
    "page_count",
    "published_date",
    "publisher",
    "title",
    "uid",
    "updated_at",
    "user_uid",
];

fn created_book_is_at_its_location(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let body = json!({
        "title": "  The Sea, the Sea ", "author": "Iris Murdoch", "publisher": "Chatto & Windus",
        "published_date": "1978-08", "page_count": 502, "language": "EN-gb",
        "isbn": "0-8044-2957-X",
    });
    let response = ada.post("/books", &body);
    let book = response.expect_status(201);
    assert_eq!(field_names(book), FIELDS);
    assert_eq!(text(book, "title"), "The Sea, the Sea");
    assert_eq!(text(book, "published_date"), "1978-08");
    assert_eq!(book["page_count"], 502);
    assert_eq!(text(book, "language"), "en-GB");
    assert_eq!(text(book, "isbn"), "9780804429573");
    assert_eq!(text(book, "user_uid"), ada.uid);
    assert_eq!(text(book, "created_at"), text(book, "updated_at"));
    let location = response.header("location").unwrap();
    assert_eq!(location, format!("/api/v1/books/{}", uid(book)));
    assert_eq!(server.get(location).expect_status(200), book);
    let owner = server.get(&format!("{location}/user"));
    assert_eq!(uid(owner.expect_status(200)), ada.uid);
}

fn absent_optional_fields_are_null(server: &TestServer) {
    let Clients { ada, bob, .. } = Clients::create(server);
    let null = json!({
        "title": "Emma", "author": "Jane Austen", "publisher": null, "published_date": null,
        "page_count": null, "language": null, "isbn": null,
    });
    let bare = json!({"title": "Emma", "author": "Jane Austen"});
    for body in [null, bare] {
        let book = ada.post("/books", &body).expect_status(201).clone();
        for field in ["publisher", "published_date", "page_count", "language", "isbn"] {
            assert_eq!(book.get(field), Some(&Value::Null), "{field}");
        }
        assert_eq!(server.get(&format!("/books/{}", uid(&book))).expect_status(200), &book);
    }
    // No field of a book is unique, not even the ISBN.
    let body = json!({"title": "Emma", "author": "Jane Austen", "isbn": "9780099284093"});
    assert_ne!(
        uid(ada.post("/books", &body).expect_status(201)),
        uid(bob.post("/books", &body).expect_status(201))
    );
}

fn anonymous_and_invalid_books_are_refused(server: &TestServer) {
    let Clients { ada, anonymous, bob, .. } = Clients::create(server);
    let body = json!({"title": "Emma", "author": "Jane Austen"});
    anonymous.post("/books", &body).expect_problem("unauthenticated");
    let body = json!({
        "title": "", "author": 5, "published_date": "1999-13", "page_count": 0,
        "language": "not a language", "isbn": "9780099284094", "uid": UNKNOWN_UID,
        "user_uid": bob.uid,
    });
    assert_eq!(
        ada.post("/books", &body).violations(),
        [
            "/author",
            "/isbn",
            "/language",
            "/page_count",
            "/published_date",
            "/title",
            "/uid",
            "/user_uid",
        ]
    );
    assert_eq!(ada.post("/books", &json!({})).violations(), ["/author", "/title"]);
}

fn only_owner_or_admin_changes_book(server: &TestServer) {
    let Clients { ada, admin, anonymous, bob } = Clients::create(server);
    let book = add_book(&ada, "Emma");
    let path = format!("/books/{}", uid(&book));
    anonymous.patch(&path, &json!({"title": "Mine"})).expect_problem("unauthenticated");
    bob.patch(&path, &json!({"title": "Mine"})).expect_problem("forbidden");
    bob.patch(&path, &json!({"title": 7, "nonsense": 1})).expect_problem("forbidden");
    ada.patch(&format!("/books/{UNKNOWN_UID}"), &json!({"title": 7})).expect_problem("not-found");
    ada.patch("/books/emma", &json!({})).expect_problem("not-found");
    assert_eq!(server.get(&path).expect_status(200), &book);

    let change = json!({"page_count": 474, "language": "en", "publisher": "John Murray"});
    let changed = ada.patch(&path, &change).expect_status(200).clone();
    assert_eq!(changed["page_count"], 474);
    assert_eq!(text(&changed, "title"), "Emma");
    assert!(timestamp(&changed, "updated_at") > timestamp(&book, "updated_at"));
    assert_eq!(text(&changed, "created_at"), text(&book, "created_at"));
    assert_eq!(server.get(&path).expect_status(200), &changed);

    let change = br#"{"page_count":null,"title":"Emma, a novel"}"#;
    for media_type in ["application/merge-patch+json", "APPLICATION/JSON ;charset=utf-8"] {
        let headers = [("content-type", media_type)];
        let changed = admin.send("PATCH", &path, &headers, Some(change)).expect_status(200).clone();
        assert_eq!(changed["page_count"], Value::Null);
        assert_eq!(text(&changed, "title"), "Emma, a novel");
        assert_eq!(text(&changed, "publisher"), "John Murray");
        assert_eq!(text(&changed, "user_uid"), ada.uid);
    }
    let same = ada.patch(&path, &json!({})).expect_status(200).clone();
    assert_eq!(server.get(&path).expect_status(200), &same);

    let change = json!({"title": null, "author": "", "user_uid": bob.uid, "isbn": "x"});
    let wrong = ada.patch(&path, &change);
    assert_eq!(wrong.violations(), ["/author", "/isbn", "/title", "/user_uid"]);
    assert_eq!(server.get(&path).expect_status(200), &same);
}

fn deleting_a_book_deletes_its_reviews(server: &TestServer) {
    let Clients { ada, admin, anonymous, bob } = Clients::create(server);
    let book = add_book(&ada, "Emma");
    let review = add_review(&bob, &book, 2);
    let tagged = tag_book(&ada, &book, &["Classics"]);
    let tag = uid(&tagged["tags"][0]);
    let path = format!("/books/{}", uid(&book));
    anonymous.delete(&path).expect_problem("unauthenticated");
    bob.delete(&path).expect_problem("forbidden");
    ada.delete(&path).expect_status(204);
    ada.delete(&path).expect_problem("not-found");
    for path in ["", "/user", "/reviews", "/tags"].map(|suffix| format!("{path}{suffix}")) {
        server.get(&path).expect_problem("not-found");
    }
    for suffix in ["", "/book", "/user"] {
        server.get(&format!("/reviews/{}{suffix}", uid(&review))).expect_problem("not-found");
    }
    let reviews = server.get(&format!("/users/{}/reviews", bob.uid));
    assert_eq!(reviews.expect_status(200), &json!({"items": []}));
    assert_eq!(server.get(&format!("/tags/{tag}/books")).expect_status(200), &json!({"items": []}));

    let book = add_book(&ada, "Persuasion");
    admin.delete(&format!("/books/{}", uid(&book))).expect_status(204);
    admin.delete(&format!("/books/{UNKNOWN_UID}")).expect_problem("not-found");
}

fn published_date_keeps_its_precision(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    for date in ["1999", "1999-07", "1999-07-08", "-0749", "0000", "2000-02-29"] {
        let body = json!({"title": "A", "author": "B", "published_date": date});
        assert_eq!(ada.post("/books", &body).expect_status(201)["published_date"], date);
    }
    for date in ["99", "1999-7", "1999-00", "1999-02-29", "19990708", "1999-07-08T00:00:00Z", ""] {
        let body = json!({"title": "A", "author": "B", "published_date": date});
        assert_eq!(ada.post("/books", &body).violations(), ["/published_date"], "{date}");
    }
}

both_servers!(
    created_book_is_at_its_location,
    absent_optional_fields_are_null,
    anonymous_and_invalid_books_are_refused,
    only_owner_or_admin_changes_book,
    deleting_a_book_deletes_its_reviews,
    published_date_keeps_its_precision,
);
