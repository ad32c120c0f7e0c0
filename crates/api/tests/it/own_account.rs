//! The caller's own account: `GET` and `PATCH /auth/me`.

use recto_domain::Role;
use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::json;

use crate::support::accounts::{Clients, create_account};
use crate::support::assertions::{Expect as _, array, field_names, text};
use crate::support::fixtures::{add_book, add_review, tag_book};

both_servers!(relations_can_be_chosen, profile_is_changed, wrong_requests_are_refused);

const ACCOUNT: [&str; 4] = ["disabled", "email", "role", "verified"];

fn relations_can_be_chosen(server: &TestServer) {
    let Clients { ada, bob, .. } = Clients::create(server);
    let emma = tag_book(&ada, &add_book(&ada, "Emma"), &["classics"]);
    add_review(&ada, &add_book(&bob, "Persuasion"), 4);
    add_review(&bob, &emma, 5);
    let me = |query: &str| {
        let response = ada.get(&format!("/auth/me{query}"));
        assert_eq!(response.header("cache-control"), Some("no-store"), "{query}");
        response.expect_status(200).clone()
    };
    let usual = me("");
    assert_eq!(array(&usual, "books").len(), 1);
    assert_eq!(array(&usual, "reviews").len(), 1);
    let added = |query: &str| {
        let shown = me(query);
        let mut names: Vec<String> =
            shown.as_object().unwrap().keys().map(ToString::to_string).collect();
        for name in ACCOUNT {
            assert_eq!(shown[name], usual[name], "{query}");
        }
        names.retain(|name| usual.get(name).is_none_or(serde_json::Value::is_array));
        names.sort_unstable();
        names
    };
    assert_eq!(added("?include=books"), ["books"]);
    assert_eq!(added("?include=reviews.book.tags"), ["reviews"]);
    assert_eq!(added("?include=books,reviews"), ["books", "reviews"]);
    assert_eq!(added("?count=reviews"), ["reviews_count"]);
    assert_eq!(added("?include=books&count=books"), ["books", "books_count"]);
    let nested = me("?include=books(limit:1).reviews.user&count=books.tags");
    let book = &array(&nested, "books")[0];
    assert_eq!(book["tags_count"], 1);
    assert_eq!(text(&array(book, "reviews")[0]["user"], "username"), "bob");
    // The relations of a user's own page.
    let profile = ada.get(&format!("/users/{}?include=books,reviews", ada.uid));
    assert_eq!(&usual, profile.expect_status(200));
    let chosen = me("?fields=username");
    assert_eq!(field_names(&chosen), ["books", "reviews", "uid", "username"]);
}

fn profile_is_changed(server: &TestServer) {
    let Clients { ada, admin, .. } = Clients::create(server);
    let changed = ada.patch("/auth/me", &json!({"first_name": "Augusta", "username": "augusta"}));
    assert_eq!(changed.header("cache-control"), Some("no-store"));
    let changed = changed.expect_status(200);
    assert_eq!((text(changed, "first_name"), text(changed, "username")), ("Augusta", "augusta"));
    assert_eq!(text(changed, "email"), "ada@example.org");
    assert_eq!(&ada.get(&format!("/users/{}", ada.uid)).json, changed);
    let log = admin.get("/audit?action=profile.changed");
    let entry = &log.expect_items()[0];
    assert_eq!(text(entry, "detail"), "username from ada to augusta, first name");
    // Nothing changes, and the condition is not compared.
    let headers = [("content-type", "application/json"), ("if-match", "\"0-0000.0\"")];
    let again = ada.send("PATCH", "/auth/me", &headers, Some(b"{\"first_name\": \"Augusta\"}"));
    assert_eq!(again.expect_status(200)["updated_at"], changed["updated_at"]);
}

fn wrong_requests_are_refused(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    create_account(server, "cleo", Role::User);
    let unknown = ada.get("/auth/me?include=nonsense");
    assert!(text(unknown.expect_problem("invalid-parameter"), "detail").contains("reviews.book"));
    for query in ["count=account", "include=", "limit=1", "include=books.user.books.user"] {
        ada.get(&format!("/auth/me?{query}")).expect_problem("invalid-parameter");
    }
    let name = json!({"username": "CLEO"});
    ada.patch("/auth/me", &name).expect_problem("username-taken");
    let invalid = ada.patch("/auth/me", &json!({"username": "", "email": "x@example.org"}));
    assert_eq!(invalid.violations(), ["/email", "/username"]);
    anonymous.patch("/auth/me", &name).expect_problem("unauthenticated");
    ada.patch("/auth/me?include=books", &name).expect_problem("invalid-parameter");
    let unverified = server.sign_up_unverified("dora");
    unverified.patch("/auth/me", &json!({"first_name": "Dora"})).expect_problem("forbidden");
}
