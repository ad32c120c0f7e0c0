//! Deleting one's own account, and exporting its data.

use recto_domain::Role;
use recto_testkit::both_servers;
use recto_testkit::server::{PASSWORD, Response, TestClient, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::create_account;
use crate::support::assertions::{Expect as _, field_names, texts, uid};
use crate::support::fixtures::{add_book, add_review};

fn delete_account(client: &TestClient<'_>, password: &str, reviews: &str) -> Response {
    let body = json!({"password": password, "reviews": reviews});
    client.send_json("DELETE", "/auth/me", &body)
}

fn deletion_keeps_books_and_optionally_reviews(server: &TestServer) {
    let bob = create_account(server, "bob", Role::User);
    let reviewed = add_book(&bob, "Emma");
    for (name, fate, stay) in [("ada", "keep", 1), ("cleo", "erase", 0)] {
        let client = create_account(server, name, Role::User);
        let own = add_book(&client, "Persuasion");
        let review = add_review(&client, &reviewed, 4);
        delete_account(&client, "not the password", fate).expect_problem("wrong-password");
        assert_eq!(delete_account(&client, PASSWORD, "burn").violations(), ["/reviews"]);
        client.get("/auth/me").expect_status(200);
        delete_account(&client, PASSWORD, fate).expect_status(204);

        server.get(&format!("/users/{}", client.uid)).expect_problem("not-found");
        let own = server.get(&format!("/books/{}", uid(&own)));
        assert_eq!(own.expect_status(200)["user_uid"], Value::Null);
        let page = server.get(&format!("/books/{}/reviews", uid(&reviewed)));
        let reviews = page.expect_items();
        assert_eq!(reviews.len(), stay, "{fate}");
        if let [remaining] = reviews {
            assert_eq!((uid(remaining), &remaining["user_uid"]), (uid(&review), &Value::Null));
            bob.delete(&format!("/reviews/{}", uid(remaining))).expect_problem("forbidden");
            // The next round starts without the review.
            create_account(server, "root", Role::Admin)
                .delete(&format!("/reviews/{}", uid(remaining)))
                .expect_status(204);
        }
        // The account is deleted, and its name and address are free.
        let email = format!("{name}@example.org");
        let rows = format!("SELECT '1' AS line FROM accounts WHERE email = '{email}'");
        assert!(server.database().rows(&rows).is_empty());
        let again = server.sign_up(name);
        assert_ne!(again.uid, client.uid);
        assert!(again.get(&format!("/users/{}/books", again.uid)).expect_items().is_empty());
    }
    for table in ["sessions", "api_keys", "mailed_tokens", "mails"] {
        let orphans = format!(
            "SELECT '1' AS line FROM {table} WHERE user_uid NOT IN (SELECT user_uid FROM accounts)"
        );
        assert!(server.database().rows(&orphans).is_empty(), "{table}");
    }
}

fn last_administrator_account_cannot_be_deleted(server: &TestServer) {
    let admin = create_account(server, "root", Role::Admin);
    delete_account(&admin, PASSWORD, "keep").expect_problem("last-admin");
    let disabled = json!({"disabled": true});
    admin.put(&format!("/users/{}/disabled", admin.uid), &disabled).expect_problem("last-admin");
    admin.get("/reviews").expect_status(200);
    let other = create_account(server, "other", Role::Admin);
    delete_account(&admin, PASSWORD, "keep").expect_status(204);
    delete_account(&other, PASSWORD, "keep").expect_problem("last-admin");
}

fn export_contains_only_own_data(server: &TestServer) {
    let (ada, bob) =
        (create_account(server, "ada", Role::User), create_account(server, "bob", Role::User));
    let books: Vec<_> = (0..3).map(|n| add_book(&ada, &format!("Volume {n}"))).collect();
    let reviewed = add_book(&bob, "Emma");
    let review = add_review(&ada, &reviewed, 4);
    add_review(&bob, &reviewed, 1);
    let new_key = json!({"name": "nightly", "scopes": ["read"]});
    let key = ada.post("/auth/keys", &new_key).expect_status(201).clone();
    bob.post("/auth/keys", &new_key).expect_status(201);
    ada.get("/reviews").expect_problem("forbidden");
    let admin = create_account(server, "root", Role::Admin);
    let role = format!("/users/{}/role", ada.uid);
    admin.put(&role, &json!({"role": "admin"})).expect_status(200);

    let response = ada.get("/auth/me/export");
    let export = response.expect_status(200);
    let attachment = "attachment; filename=\"recto-export.json\"";
    assert_eq!(response.header("content-disposition"), Some(attachment));
    let lists = ["account", "api_keys", "audit", "books", "reviews", "sessions", "user"];
    assert_eq!(field_names(export), lists);
    assert_eq!(uid(&export["user"]), ada.uid);
    assert_eq!(export["account"]["email"], "ada@example.org");
    let list = |name: &str| export[name].as_array().unwrap().clone();
    let mut exported = list("books");
    exported.sort_by_key(|book| uid(book).to_owned());
    assert_eq!(exported, books);
    assert_eq!(list("reviews"), [review]);
    assert_eq!(texts(&list("api_keys"), "id"), [key["id"].as_str().unwrap()]);
    assert_eq!(list("sessions").len(), 1);
    let audit = list("audit");
    assert_eq!(
        texts(&audit, "action"),
        ["account.exported", "role.changed", "refused", "key.created"]
    );
    // The address of the administrator is not exported.
    let addresses: Vec<_> = audit.iter().map(|entry| entry["address"].as_str()).collect();
    assert_eq!(addresses, [Some("127.0.0.1"), None, Some("127.0.0.1"), Some("127.0.0.1")]);
    let text = response.text();
    for secret in [key["key"].as_str().unwrap(), "argon2", "hash", &bob.uid] {
        // Not even the owner of the reviewed book is named.
        assert!(!text.contains(secret), "{secret}");
    }
}

fn export_is_read_in_parts(server: &TestServer) {
    let ada = create_account(server, "ada", Role::User);
    // More than two parts of books, and no reviews.
    let books: Vec<_> = (0..120)
        .map(|n| json!({"title": format!("Volume {n}"), "author": "Ada Lovelace"}))
        .collect();
    ada.post("/books/batch", &json!({ "books": books })).expect_status(200);
    let response = ada.get("/auth/me/export");
    assert_eq!(response.header("content-length"), None);
    let export = response.expect_status(200);
    let exported = export["books"].as_array().unwrap();
    let mut titles = texts(exported, "title");
    titles.sort_unstable();
    titles.dedup();
    assert_eq!((exported.len(), titles.len()), (120, 120));
    let mut newest_first: Vec<_> = exported.iter().map(uid).collect();
    newest_first.reverse();
    assert!(newest_first.is_sorted());
    assert_eq!(export["reviews"], json!([]));
}

both_servers!(
    deletion_keeps_books_and_optionally_reviews,
    last_administrator_account_cannot_be_deleted,
    export_contains_only_own_data,
    export_is_read_in_parts,
);
