//! Users: profiles, accounts, and their books and reviews.

use recto_domain::Role;
use recto_testkit::both_servers;
use recto_testkit::server::{PASSWORD, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::{Clients, create_account, create_user};
use crate::support::assertions::{
    Expect as _, all_items, field_names, text, texts, timestamp, uid,
};
use crate::support::fixtures::{UNKNOWN_UID, add_book, add_review};

const PUBLIC: [&str; 6] =
    ["created_at", "first_name", "last_name", "uid", "updated_at", "username"];
const WITH_ACCOUNT: [&str; 10] = [
    "created_at",
    "disabled",
    "email",
    "first_name",
    "last_name",
    "role",
    "uid",
    "updated_at",
    "username",
    "verified",
];

fn account_fields_are_private(server: &TestServer) {
    let Clients { ada, admin, anonymous, bob } = Clients::create(server);
    let path = format!("/users/{}", ada.uid);
    for (name, client, expected) in [
        ("anonymous", &anonymous, &PUBLIC[..]),
        ("ada", &ada, &WITH_ACCOUNT),
        ("bob", &bob, &PUBLIC),
        ("admin", &admin, &WITH_ACCOUNT),
    ] {
        assert_eq!(field_names(client.get(&path).expect_status(200)), expected, "{name}");
    }
    // Includes never show the account, not even to an administrator.
    let book = add_book(&ada, "Emma");
    let book = admin.get(&format!("/books/{}?include=user", uid(&book)));
    assert_eq!(field_names(&book.expect_status(200)["user"]), PUBLIC);
    let path = format!("/books/{}/user", uid(&book.json));
    assert_eq!(field_names(admin.get(&path).expect_status(200)), PUBLIC);
}

fn only_administrators_list_users(server: &TestServer) {
    let Clients { ada, admin, anonymous, .. } = Clients::create(server);
    anonymous.get("/users").expect_problem("unauthenticated");
    ada.get("/users").expect_problem("forbidden");
    let imported = create_user(server, "goodbooks.17").to_string();
    let page = admin.get("/users?sort=username&include=books&count=reviews");
    let rows = page.expect_items();
    assert_eq!(texts(rows, "username"), ["ada", "bob", "goodbooks.17", "root"]);
    for row in rows {
        let mut expected = WITH_ACCOUNT.to_vec();
        expected.extend(["books", "reviews_count"]);
        expected.sort_unstable();
        assert_eq!(field_names(row), expected);
        let is_imported = uid(row) == imported;
        assert_eq!(row["email"].is_null() && row["role"].is_null(), is_imported, "{row}");
    }
    assert_eq!(all_items(&admin, "/users?limit=3").len(), 4);
}

fn only_its_user_changes_a_profile(server: &TestServer) {
    let Clients { ada, admin, anonymous, bob } = Clients::create(server);
    let path = format!("/users/{}", ada.uid);
    anonymous.patch(&path, &json!({})).expect_problem("unauthenticated");
    // Permission is checked before the body.
    bob.patch(&path, &json!({"username": 7})).expect_problem("forbidden");
    admin.patch(&path, &json!({"first_name": "Eve"})).expect_problem("forbidden");
    ada.patch(&format!("/users/{UNKNOWN_UID}"), &json!({})).expect_problem("not-found");
    ada.patch("/users/me", &json!({})).expect_problem("not-found");

    let change = json!({"first_name": "Ada", "last_name": "Lovelace"});
    let changed = ada.patch(&path, &change).expect_status(200).clone();
    assert_eq!(field_names(&changed), WITH_ACCOUNT);
    assert_eq!((text(&changed, "first_name"), text(&changed, "last_name")), ("Ada", "Lovelace"));
    assert!(timestamp(&changed, "updated_at") > timestamp(&changed, "created_at"));
    assert_eq!(ada.get(&path).expect_status(200), &changed);

    // Absent fields stay, `null` clears; both media types are accepted.
    let merge = [("content-type", "application/merge-patch+json; charset=utf-8")];
    let body = br#"{"last_name":null}"#;
    let changed = ada.send("PATCH", &path, &merge, Some(body)).expect_status(200).clone();
    assert_eq!((&changed["first_name"], &changed["last_name"]), (&json!("Ada"), &Value::Null));
    let same = ada.patch(&path, &json!({})).expect_status(200).clone();
    assert_eq!(same, changed);

    let body = json!({"username": null, "first_name": "", "email": "other@example.org"});
    assert_eq!(ada.patch(&path, &body).violations(), ["/email", "/first_name", "/username"]);
}

fn patch_refuses_a_taken_username(server: &TestServer) {
    let clients = Clients::create(server);
    let path = format!("/users/{}", clients.ada.uid);
    clients.ada.patch(&path, &json!({"username": "BOB"})).expect_problem("username-taken");
    assert_eq!(text(clients.ada.get(&path).expect_status(200), "username"), "ada");
    let changed = clients.ada.patch(&path, &json!({"username": "Ada"})).expect_status(200).clone();
    assert_eq!(text(&changed, "username"), "Ada");
    clients.ada.patch(&path, &json!({"username": "countess"})).expect_status(200);
    let bob = format!("/users/{}", clients.bob.uid);
    clients.bob.patch(&bob, &json!({"username": "ada"})).expect_status(200);
}

fn new_usernames_are_unambiguous(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let path = format!("/users/{}", ada.uid);
    // Reserved, with a Cyrillic letter, with an invisible letter, with a text direction.
    for name in ["Admin", "\u{430}da", "ada\u{3164}", "ada\u{202e}"] {
        let username = json!({"username": name});
        assert_eq!(ada.patch(&path, &username).violations(), ["/username"], "{name:?}");
        let sign_up = json!({
            "username": name, "email": "eve@example.org", "password": PASSWORD, "last_name": "\u{2067}x"
        });
        let response = server.anonymous().post("/auth/signup", &sign_up);
        assert_eq!(response.violations(), ["/last_name", "/username"], "{name:?}");
    }
}

/// A user whose names break rules that are younger than they are.
fn existing_names_stay_valid(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    let path = format!("/users/{}", ada.uid);
    let names =
        "username = '\u{430}da', username_key = '\u{430}da', last_name = '\u{202d}Lovelace'";
    server.database().execute(&format!("UPDATE users SET {names} WHERE username = 'ada'")).unwrap();
    let shown = ada.get(&path).expect_status(200).clone();
    assert_eq!(
        (text(&shown, "username"), text(&shown, "last_name")),
        ("\u{430}da", "\u{202d}Lovelace")
    );
    let change = json!({
        "username": "\u{430}da", "first_name": "Ada", "last_name": "\u{202d}Lovelace",
    });
    let changed = ada.patch(&path, &change).expect_status(200).clone();
    assert_eq!((&changed["username"], &changed["first_name"]), (&shown["username"], &json!("Ada")));
    // Only what it changes is checked, and everything else is refused as ever.
    let change = json!({"username": "\u{430}da", "last_name": "\u{202d}King", "uid": ada.uid});
    assert_eq!(ada.patch(&path, &change).violations(), ["/last_name", "/uid"]);
    ada.patch(&path, &json!({"username": "ada", "last_name": "King"})).expect_status(200);
}

fn books_and_reviews_outlive_their_user(server: &TestServer) {
    let Clients { ada, admin, anonymous, bob } = Clients::create(server);
    let book = add_book(&ada, "Emma");
    let review = add_review(&ada, &book, 5);
    let path = format!("/users/{}", ada.uid);
    anonymous.delete(&path).expect_problem("unauthenticated");
    ada.delete(&path).expect_problem("forbidden");
    admin.delete(&format!("/users/{UNKNOWN_UID}")).expect_problem("not-found");
    admin.delete(&path).expect_status(204);
    admin.delete(&path).expect_problem("not-found");
    for path in [path.clone(), format!("{path}/books"), format!("{path}/reviews")] {
        server.get(&path).expect_problem("not-found");
    }

    let book_path = format!("/books/{}", uid(&book));
    let left = server.get(&format!("{book_path}?include=user,reviews.user"));
    let left = left.expect_status(200);
    assert_eq!((&left["user_uid"], &left["user"]), (&Value::Null, &Value::Null));
    let expected = json!({"user_uid": null, "user": null});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&left["reviews"][0][field], value, "{field}");
    }
    assert_eq!(server.get(&format!("{book_path}/user")).expect_status(200), &Value::Null);
    let review_path = format!("/reviews/{}", uid(&review));
    assert_eq!(server.get(&review_path).expect_status(200)["user_uid"], Value::Null);
    assert_eq!(server.get(&format!("{review_path}/user")).expect_status(200), &Value::Null);
    assert_eq!(uid(server.get(&format!("{review_path}/book")).expect_status(200)), uid(&book));

    // Books without an owner are changed by administrators.
    bob.patch(&book_path, &json!({"title": "Mine"})).expect_problem("forbidden");
    admin.patch(&book_path, &json!({"title": "Ours"})).expect_status(200);
    bob.patch(&review_path, &json!({"rating": 1})).expect_problem("forbidden");
    admin.patch(&review_path, &json!({"rating": 1})).expect_problem("forbidden");
}

fn user_relations_are_pages(server: &TestServer) {
    let Clients { ada, admin, bob, .. } = Clients::create(server);
    let emma = add_book(&ada, "Emma");
    let other = add_book(&bob, "Dune");
    let persuasion = add_book(&ada, "Persuasion");
    let review = add_review(&ada, &other, 2);
    let path = format!("/users/{}", ada.uid);
    let books = server.get(&format!("{path}/books"));
    assert_eq!(books.expect_status(200), &json!({"items": [persuasion, emma]}));
    let reviews = server.get(&format!("{path}/reviews?include=book"));
    let mut expected = review;
    expected["book"] = other;
    assert_eq!(reviews.expect_status(200), &json!({"items": [expected]}));
    let nothing = server.get(&format!("/users/{}/books", admin.uid));
    assert_eq!(nothing.expect_status(200), &json!({"items": []}));
    for path in [format!("/users/{UNKNOWN_UID}/books"), "/users/x/reviews".to_owned()] {
        server.get(&path).expect_problem("not-found");
    }
}

both_servers!(
    account_fields_are_private,
    only_administrators_list_users,
    only_its_user_changes_a_profile,
    patch_refuses_a_taken_username,
    new_usernames_are_unambiguous,
    existing_names_stay_valid,
    books_and_reviews_outlive_their_user,
    user_relations_are_pages,
);
