//! Reviews: one for each user and book, and permissions.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::json;

use crate::support::accounts::Clients;
use crate::support::assertions::{
    Expect as _, all_items, assert_problem, field_names, items, text, uid,
};
use crate::support::fixtures::{UNKNOWN_UID, add_book, add_review};

fn second_review_of_book_is_refused(server: &TestServer) {
    let Clients { ada, anonymous, bob, .. } = Clients::create(server);
    let book = add_book(&ada, "Emma");
    let path = format!("/books/{}/reviews", uid(&book));
    let body = json!({"rating": 5, "review_text": ""});
    anonymous.post(&path, &body).expect_problem("unauthenticated");
    bob.post(&format!("/books/{UNKNOWN_UID}/reviews"), &body).expect_problem("not-found");
    bob.post("/books/emma/reviews", &body).expect_problem("not-found");

    let response = bob.post(&path, &body);
    let review = response.expect_status(201);
    assert_eq!(
        field_names(review),
        ["book_uid", "created_at", "rating", "review_text", "uid", "updated_at", "user_uid"]
    );
    assert_eq!(review["rating"], 5);
    assert_eq!(text(review, "review_text"), "");
    assert_eq!((text(review, "user_uid"), text(review, "book_uid")), (&*bob.uid, uid(&book)));
    let location = response.header("location").unwrap();
    assert_eq!(location, format!("/api/v1/reviews/{}", uid(review)));
    assert_eq!(server.get(location).expect_status(200), review);
    assert_eq!(server.get(&format!("{location}/book")).expect_status(200), &book);
    assert_eq!(uid(server.get(&format!("{location}/user")).expect_status(200)), bob.uid);

    let again = bob.post(&path, &body);
    assert_eq!(text(again.expect_problem("already-reviewed"), "existing"), location);
    // Owners may review their own books.
    add_review(&ada, &book, 4);
    bob.delete(location).expect_status(204);
    bob.post(&path, &body).expect_status(201);
}

fn only_its_author_changes_a_review(server: &TestServer) {
    let Clients { ada, admin, anonymous, bob } = Clients::create(server);
    let book = add_book(&ada, "Emma");
    let review = add_review(&bob, &book, 3);
    let path = format!("/reviews/{}", uid(&review));
    anonymous.patch(&path, &json!({"rating": 1})).expect_problem("unauthenticated");
    // Neither the owner of the book nor an administrator may change it.
    ada.patch(&path, &json!({"rating": 9})).expect_problem("forbidden");
    admin.patch(&path, &json!({"rating": 1})).expect_problem("forbidden");
    bob.patch(&format!("/reviews/{UNKNOWN_UID}"), &json!({"rating": 9}))
        .expect_problem("not-found");
    assert_eq!(server.get(&path).expect_status(200), &review);

    let changed = bob.patch(&path, &json!({"review_text": "Slow."})).expect_status(200).clone();
    assert_eq!((&changed["rating"], &changed["review_text"]), (&json!(3), &json!("Slow.")));
    let headers = [("content-type", "application/merge-patch+json")];
    let body = br#"{"rating":4}"#;
    let changed = bob.send("PATCH", &path, &headers, Some(body)).expect_status(200).clone();
    assert_eq!((&changed["rating"], &changed["review_text"]), (&json!(4), &json!("Slow.")));
    assert_eq!(server.get(&path).expect_status(200), &changed);
    // Required fields cannot be cleared, and the book cannot change.
    let body = json!({"rating": null, "review_text": null, "book_uid": uid(&book)});
    assert_eq!(bob.patch(&path, &body).violations(), ["/book_uid", "/rating", "/review_text"]);
    assert_eq!(server.get(&path).expect_status(200), &changed);
}

fn only_author_or_admin_deletes_review(server: &TestServer) {
    let Clients { ada, admin, anonymous, bob } = Clients::create(server);
    let book = add_book(&ada, "Emma");
    let path = format!("/reviews/{}", uid(&add_review(&bob, &book, 1)));
    anonymous.delete(&path).expect_problem("unauthenticated");
    ada.delete(&path).expect_problem("forbidden");
    bob.delete(&path).expect_status(204);
    bob.delete(&path).expect_problem("not-found");
    server.get(&path).expect_problem("not-found");
    let path = format!("/reviews/{}", uid(&add_review(&bob, &book, 1)));
    admin.delete(&path).expect_status(204);
    admin.delete(&format!("/reviews/{UNKNOWN_UID}")).expect_problem("not-found");
    let left = server.get(&format!("/books/{}/reviews", uid(&book)));
    assert_eq!(left.expect_status(200), &json!({"items": []}));
}

fn only_administrators_list_reviews(server: &TestServer) {
    let Clients { ada, admin, anonymous, bob } = Clients::create(server);
    let books = [add_book(&ada, "Emma"), add_book(&ada, "Persuasion")];
    for (rating, book) in [(2, &books[0]), (5, &books[1])] {
        add_review(&ada, book, rating);
        add_review(&bob, book, 6 - rating);
    }
    anonymous.get("/reviews").expect_problem("unauthenticated");
    ada.get("/reviews").expect_problem("forbidden");
    let page = admin.get("/reviews?sort=-rating&include=user,book");
    let ratings: Vec<_> =
        page.expect_items().iter().map(|review| review["rating"].as_u64().unwrap()).collect();
    assert_eq!(ratings, [5, 4, 2, 1]);
    assert!(items(&page.json).iter().all(|review| review["book"]["title"].is_string()));
    assert_eq!(all_items(&admin, "/reviews?sort=rating&limit=1").len(), 4);
}

fn invalid_ratings_are_refused(server: &TestServer) {
    let Clients { ada, bob, .. } = Clients::create(server);
    let book = add_book(&ada, "Emma");
    let path = format!("/books/{}/reviews", uid(&book));
    for rating in [json!(0), json!(6), json!(4.5), json!("5"), json!(null), json!([5]), json!(-1)] {
        let body = json!({"rating": rating, "review_text": ""});
        assert_eq!(bob.post(&path, &body).violations(), ["/rating"], "{rating}");
    }
    for huge in ["1e400", "99999999999999999999", "5.0000001", "-0"] {
        let body = format!(r#"{{"rating":{huge},"review_text":""}}"#);
        let headers = [("content-type", "application/json")];
        let response = bob.send("POST", &path, &headers, Some(body.as_bytes()));
        assert!([400, 422].contains(&response.status), "{huge}: {}", response.text());
        assert_problem(&response);
    }
    assert_eq!(bob.post(&path, &json!({"rating": 5})).violations(), ["/review_text"]);
    assert_eq!(server.get(&path).expect_status(200), &json!({"items": []}));
}

both_servers!(
    second_review_of_book_is_refused,
    only_its_author_changes_a_review,
    only_author_or_admin_deletes_review,
    only_administrators_list_reviews,
    invalid_ratings_are_refused,
);
