//! Reviews: one a reader and book, and whose they are.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::json;

use crate::support::assertions::{Told as _, items, members, text, uid, walk};
use crate::support::fixtures::{Library, NOBODY, add_book, add_review};

fn a_reader_reviews_a_book_once(server: &TestServer) {
    let library = Library::on(server);
    let book = add_book(&library.ada, "Emma");
    let path = format!("/books/{}/reviews", uid(&book));
    let body = json!({"rating": 5, "review_text": ""});
    library.anyone.post(&path, &body).refused("unauthenticated");
    library.bob.post(&format!("/books/{NOBODY}/reviews"), &body).refused("not-found");
    library.bob.post("/books/emma/reviews", &body).refused("not-found");

    let answer = library.bob.post(&path, &body);
    let review = answer.gives(201);
    assert_eq!(
        members(review),
        ["book_uid", "created_at", "rating", "review_text", "uid", "updated_at", "user_uid"]
    );
    assert_eq!(review["rating"], 5);
    assert_eq!(text(review, "review_text"), "");
    assert_eq!(
        (text(review, "user_uid"), text(review, "book_uid")),
        (&*library.bob.uid, uid(&book))
    );
    let location = answer.header("location").unwrap();
    assert_eq!(location, format!("/api/v1/reviews/{}", uid(review)));
    assert_eq!(server.get(location).gives(200), review);
    assert_eq!(server.get(&format!("{location}/book")).gives(200), &book);
    assert_eq!(uid(server.get(&format!("{location}/user")).gives(200)), library.bob.uid);

    library.bob.post(&path, &body).refused("already-reviewed");
    // Owners may review their own book.
    add_review(&library.ada, &book, 4);
    library.bob.delete(location).gives(204);
    library.bob.post(&path, &body).gives(201);
}

fn a_review_is_changed_by_its_author_alone(server: &TestServer) {
    let library = Library::on(server);
    let book = add_book(&library.ada, "Emma");
    let review = add_review(&library.bob, &book, 3);
    let path = format!("/reviews/{}", uid(&review));
    library.anyone.patch(&path, &json!({"rating": 1})).refused("unauthenticated");
    // Neither the owner of the book nor an administrator puts words into a mouth.
    library.ada.patch(&path, &json!({"rating": 9})).refused("forbidden");
    library.admin.patch(&path, &json!({"rating": 1})).refused("forbidden");
    library.bob.patch(&format!("/reviews/{NOBODY}"), &json!({"rating": 9})).refused("not-found");
    assert_eq!(server.get(&path).gives(200), &review);

    let changed = library.bob.patch(&path, &json!({"review_text": "Slow."})).gives(200).clone();
    assert_eq!((&changed["rating"], &changed["review_text"]), (&json!(3), &json!("Slow.")));
    let headers = [("content-type", "application/merge-patch+json")];
    let body = br#"{"rating":4}"#;
    let changed = library.bob.send("PATCH", &path, &headers, Some(body)).gives(200).clone();
    assert_eq!((&changed["rating"], &changed["review_text"]), (&json!(4), &json!("Slow.")));
    assert_eq!(server.get(&path).gives(200), &changed);
    // What is required cannot be cleared, and a review cannot move.
    let body = json!({"rating": null, "review_text": null, "book_uid": uid(&book)});
    assert_eq!(library.bob.patch(&path, &body).wrong(), ["/book_uid", "/rating", "/review_text"]);
    assert_eq!(server.get(&path).gives(200), &changed);
}

fn a_review_is_deleted_by_its_author_or_an_administrator(server: &TestServer) {
    let library = Library::on(server);
    let book = add_book(&library.ada, "Emma");
    let path = format!("/reviews/{}", uid(&add_review(&library.bob, &book, 1)));
    library.anyone.delete(&path).refused("unauthenticated");
    library.ada.delete(&path).refused("forbidden");
    library.bob.delete(&path).gives(204);
    library.bob.delete(&path).refused("not-found");
    server.get(&path).refused("not-found");
    let path = format!("/reviews/{}", uid(&add_review(&library.bob, &book, 1)));
    library.admin.delete(&path).gives(204);
    library.admin.delete(&format!("/reviews/{NOBODY}")).refused("not-found");
    let left = server.get(&format!("/books/{}/reviews", uid(&book)));
    assert_eq!(left.gives(200), &json!({"items": []}));
}

fn all_reviews_are_for_administrators(server: &TestServer) {
    let library = Library::on(server);
    let books = [add_book(&library.ada, "Emma"), add_book(&library.ada, "Persuasion")];
    for (rating, book) in [(2, &books[0]), (5, &books[1])] {
        add_review(&library.ada, book, rating);
        add_review(&library.bob, book, 6 - rating);
    }
    library.anyone.get("/reviews").refused("unauthenticated");
    library.ada.get("/reviews").refused("forbidden");
    let page = library.admin.get("/reviews?sort=-rating&include=user,book");
    let ratings: Vec<_> =
        items(page.gives(200)).iter().map(|review| review["rating"].as_u64().unwrap()).collect();
    assert_eq!(ratings, [5, 4, 2, 1]);
    assert!(items(&page.json).iter().all(|review| review["book"]["title"].is_string()));
    assert_eq!(walk(&library.admin, "/reviews?sort=rating&limit=1").len(), 4);
}

fn ratings_are_whole_numbers_from_one_to_five(server: &TestServer) {
    let library = Library::on(server);
    let book = add_book(&library.ada, "Emma");
    let path = format!("/books/{}/reviews", uid(&book));
    for rating in [json!(0), json!(6), json!(4.5), json!("5"), json!(null), json!([5]), json!(-1)] {
        let body = json!({"rating": rating, "review_text": ""});
        assert_eq!(library.bob.post(&path, &body).wrong(), ["/rating"], "{rating}");
    }
    for huge in ["1e400", "99999999999999999999", "5.0000001", "-0"] {
        let body = format!(r#"{{"rating":{huge},"review_text":""}}"#);
        let headers = [("content-type", "application/json")];
        let answer = library.bob.send("POST", &path, &headers, Some(body.as_bytes()));
        assert!([400, 422].contains(&answer.status), "{huge}: {}", answer.text());
        crate::support::assertions::assert_problem(&answer);
    }
    assert_eq!(library.bob.post(&path, &json!({"rating": 5})).wrong(), ["/review_text"]);
    assert_eq!(server.get(&path).gives(200), &json!({"items": []}));
}

both_servers!(
    a_reader_reviews_a_book_once,
    a_review_is_changed_by_its_author_alone,
    a_review_is_deleted_by_its_author_or_an_administrator,
    all_reviews_are_for_administrators,
    ratings_are_whole_numbers_from_one_to_five,
);
