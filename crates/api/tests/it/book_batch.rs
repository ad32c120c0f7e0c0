//! Batches of books, matched by ISBN.

use std::thread;

use recto_domain::Role;
use recto_testkit::both_servers;
use recto_testkit::server::{TestClient, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::{Clients, create_account};
use crate::support::assertions::{
    Expect as _, all_items, assert_healthy, field_names, text, texts, timestamp, uid,
};
use crate::support::fixtures::add_book;

const EMMA: &str = "9780141439587";
const SEA: &str = "9780099284093";

fn book(title: &str, isbn: &str) -> Value {
    json!({"title": title, "author": "Somebody", "isbn": isbn})
}

/// Sends a batch and returns the outcome and the key of each book.
#[track_caller]
fn batch(client: &TestClient<'_>, books: &[Value]) -> Vec<(String, String)> {
    let response = client.post("/books/batch", &json!({ "books": books }));
    let outcomes = response.expect_items();
    assert_eq!(outcomes.len(), books.len());
    for (index, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome["index"], index);
        assert_eq!(field_names(outcome), ["index", "outcome", "uid"]);
    }
    let outcome = |one: &Value| (text(one, "outcome").to_owned(), uid(one).to_owned());
    outcomes.iter().map(outcome).collect()
}

#[track_caller]
fn outcomes(client: &TestClient<'_>, books: &[Value]) -> Vec<String> {
    batch(client, books).into_iter().map(|(outcome, _)| outcome).collect()
}

fn batch_matches_books_by_isbn(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let full = json!({
        "title": "Emma", "author": "Jane Austen", "publisher": "Penguin",
        "published_date": "1815", "page_count": 474, "language": "en", "isbn": EMMA,
    });
    let nameless = json!({"title": "Nameless", "author": "Anonymous"});
    let shelf = [full, book("The Sea", "0-09-928409-X"), nameless.clone()];
    let first = batch(&ada, &shelf);
    assert_eq!(outcomes_of(&first), ["created", "created", "created"]);
    let path = format!("/books/{}", first[0].1);
    let before = server.get(&path).expect_status(200).clone();
    assert_eq!(text(&before, "user_uid"), ada.uid);
    assert_eq!(text(&before, "publisher"), "Penguin");

    // Absent fields stay, `null` clears.
    let partly = json!({
        "title": "Emma", "author": "Austen", "isbn": "0141439580", "page_count": null,
        "language": "fr",
    });
    let second = batch(&ada, &[nameless, partly.clone(), book("The Sea", SEA)]);
    assert_eq!(outcomes_of(&second), ["created", "updated", "unchanged"]);
    assert_eq!([&second[1].1, &second[2].1], [&first[0].1, &first[1].1]);
    assert_ne!(second[0].1, first[2].1);
    let after = server.get(&path).expect_status(200).clone();
    assert_eq!(text(&after, "author"), "Austen");
    assert_eq!((&after["page_count"], &after["language"]), (&Value::Null, &json!("fr")));
    for field in ["title", "publisher", "published_date", "isbn", "user_uid", "created_at"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    assert!(timestamp(&after, "updated_at") > timestamp(&before, "updated_at"));
    // The contributors follow the author field, as after a PATCH.
    let credited = server.get(&format!("{path}/contributors"));
    assert_eq!(texts(credited.expect_items(), "name"), ["Austen"]);
    let credited = server.get(&format!("/books/{}/contributors", first[1].1));
    assert_eq!(texts(credited.expect_items(), "name"), ["Somebody"]);
    // The sort keys are updated, too.
    let sorted = server.get("/books?sort=author&limit=1&author=austen");
    assert_eq!(texts(sorted.expect_items(), "uid"), [first[0].1.as_str()]);

    assert_eq!(outcomes(&ada, &[partly]), ["unchanged"]);
    assert_eq!(server.get(&path).expect_status(200), &after);
    assert_eq!(all_items(&anonymous, "/books").len(), 4);
}

fn outcomes_of(results: &[(String, String)]) -> Vec<&str> {
    results.iter().map(|(outcome, _)| outcome.as_str()).collect()
}

fn newest_owned_match_is_updated(server: &TestServer) {
    let Clients { ada, admin, bob, .. } = Clients::create(server);
    let add = |client: &TestClient<'_>, title: &str, isbn: &str| {
        uid(client.post("/books", &book(title, isbn)).expect_status(201)).to_owned()
    };
    let [older, newer] = ["Older", "Newer"].map(|title| add(&ada, title, EMMA));
    let bobs = add(&bob, "Bob's", EMMA);
    let title = |uid: &str| {
        text(server.get(&format!("/books/{uid}")).expect_status(200), "title").to_owned()
    };

    let changed = batch(&ada, &[book("Ada's", EMMA)]);
    assert_eq!(changed, [("updated".to_owned(), newer.clone())]);
    assert_eq!(
        (title(&older), title(&newer), title(&bobs)),
        ("Older".into(), "Ada's".into(), "Bob's".into())
    );

    // An account that owns no match gets a new book; those of others are unchanged.
    let cleo = create_account(server, "cleo", Role::User);
    let [(outcome, cleos)] = <[_; 1]>::try_from(batch(&cleo, &[book("Cleo's", EMMA)])).unwrap();
    assert_eq!(outcome, "created");
    let stored = server.get(&format!("/books/{cleos}")).expect_status(200).clone();
    assert_eq!(text(&stored, "user_uid"), cleo.uid);
    assert_eq!(title(&bobs), "Bob's");

    // An administrator who owns no match updates the newest book; its owner stays.
    let changed = batch(&admin, &[book("Corrected", EMMA), book("The Sea", SEA)]);
    assert_eq!(outcomes_of(&changed), ["updated", "created"]);
    assert_eq!(changed[0].1, cleos);
    let stored = server.get(&format!("/books/{cleos}")).expect_status(200).clone();
    assert_eq!(
        (text(&stored, "title"), text(&stored, "user_uid")),
        ("Corrected", cleo.uid.as_str())
    );
    // An administrator's own match takes precedence over newer ones.
    let own = add(&admin, "Own", EMMA);
    let newest = add(&bob, "Newest", EMMA);
    assert_eq!(batch(&admin, &[book("Mine", EMMA)]), [("updated".to_owned(), own)]);
    assert_eq!(title(&newest), "Newest");
}

fn invalid_batch_writes_nothing(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let ours = add_book(&ada, "Ours");
    let mut books: Vec<_> =
        (0..20).map(|n| json!({"title": format!("T{n}"), "author": "A"})).collect();
    books[3] = book("The Sea", SEA);
    books[5] = json!({"title": "T", "author": "A", "isbn": 9, "uid": uid(&ours)});
    books[9] = book("The Sea", "0-09-928409-X");
    books[17] = json!({"title": "", "page_count": 0});
    books[18] = json!(null);
    let body = json!({"books": books, "more": true});
    anonymous.post("/books/batch", &body).expect_problem("unauthenticated");
    assert_eq!(
        ada.post("/books/batch", &body).violations(),
        [
            "/books/17/author",
            "/books/17/page_count",
            "/books/17/title",
            "/books/18",
            "/books/5/isbn",
            "/books/5/uid",
            "/books/9/isbn",
            "/more",
        ]
    );
    let many: Vec<_> = (0..1_001).map(|_| json!({"title": "T", "author": "A"})).collect();
    assert_eq!(ada.post("/books/batch", &json!({ "books": many })).violations(), ["/books"]);
    for body in [json!({}), json!({"books": null}), json!({"books": {}})] {
        assert_eq!(ada.post("/books/batch", &body).violations(), ["/books"], "{body}");
    }
    let long = json!({"books": [{"title": "x".repeat(1 << 20), "author": "A"}]});
    ada.post("/books/batch", &long).expect_problem("too-large");
    ada.get("/books/batch").expect_problem("method-not-allowed");
    ada.post("/books/batch?sort=title", &json!({"books": []})).expect_problem("invalid-parameter");
    assert_eq!(all_items(&anonymous, "/books"), [ours]);
    assert_healthy(server);
}

/// Returns an ISBN that contains the number.
fn isbn(number: usize) -> String {
    let body = format!("978{number:09}");
    let digits = body.bytes().map(|digit| usize::from(digit - b'0'));
    let sum: usize =
        digits.zip([1, 3].into_iter().cycle()).map(|(digit, weight)| digit * weight).sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

fn batch_of_thousand_books_is_accepted(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    assert!(batch(&ada, &[]).is_empty());
    let mut shelf: Vec<_> = (0..1_000).map(|n| book(&format!("Volume {n:04}"), &isbn(n))).collect();
    let first = batch(&ada, &shelf);
    assert!(outcomes_of(&first).iter().all(|outcome| *outcome == "created"));
    shelf.reverse();
    shelf[0]["title"] = json!("The last volume");
    let second = batch(&ada, &shelf);
    let expected = std::iter::once("updated").chain(std::iter::repeat_n("unchanged", 999));
    assert!(outcomes_of(&second).into_iter().eq(expected));
    assert!(first.iter().map(|(_, uid)| uid).eq(second.iter().rev().map(|(_, uid)| uid)));
    let books = all_items(&anonymous, "/books?limit=100&sort=created_at");
    assert_eq!(books.len(), 1_000);
    assert_eq!(texts(&books, "uid"), first.iter().map(|(_, uid)| uid.as_str()).collect::<Vec<_>>());
    assert_eq!(text(&books[999], "title"), "The last volume");
}

fn concurrent_batches_create_each_book_once(server: &TestServer) {
    let clients = Clients::create(server);
    let shelf: Vec<_> = (0..50).map(|n| book(&format!("Volume {n}"), &isbn(n))).collect();
    let created: usize = thread::scope(|scope| {
        let (ada, shelf) = (&clients.ada, &shelf);
        let senders: Vec<_> = (0..4).map(|_| scope.spawn(move || outcomes(ada, shelf))).collect();
        let outcomes = senders.into_iter().map(|sender| sender.join().unwrap());
        outcomes
            .map(|outcomes| outcomes.iter().filter(|outcome| *outcome == "created").count())
            .sum()
    });
    assert_eq!(created, 50);
    assert_eq!(all_items(&clients.anonymous, "/books?limit=100").len(), 50);
}

both_servers!(
    batch_matches_books_by_isbn,
    newest_owned_match_is_updated,
    invalid_batch_writes_nothing,
    batch_of_thousand_books_is_accepted,
    concurrent_batches_create_each_book_once,
);
