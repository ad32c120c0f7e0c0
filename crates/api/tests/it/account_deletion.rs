//! Leaving, and what one takes along.

use recto_domain::Role;
use recto_testkit::both_servers;
use recto_testkit::server::{Client, PASSWORD, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::create_account;
use crate::support::assertions::{Expect as _, field_names, texts, uid};
use crate::support::fixtures::{add_book, add_review};

fn leave(client: &Client<'_>, password: &str, reviews: &str) -> recto_testkit::server::Answer {
    let body = json!({"password": password, "reviews": reviews});
    client.send_json("DELETE", "/auth/me", &body)
}

fn books_stay_and_reviews_as_one_likes(server: &TestServer) {
    let bob = create_account(server, "bob", Role::User);
    let lent = add_book(&bob, "Emma");
    for (name, fate, stay) in [("ada", "keep", 1), ("cleo", "erase", 0)] {
        let client = create_account(server, name, Role::User);
        let own = add_book(&client, "Persuasion");
        let review = add_review(&client, &lent, 4);
        leave(&client, "not the password", fate).expect_problem("wrong-password");
        assert_eq!(leave(&client, PASSWORD, "burn").violations(), ["/reviews"]);
        client.get("/auth/me").expect_status(200);
        leave(&client, PASSWORD, fate).expect_status(204);

        server.get(&format!("/users/{}", client.uid)).expect_problem("not-found");
        let own = server.get(&format!("/books/{}", uid(&own)));
        assert_eq!(own.expect_status(200)["user_uid"], Value::Null);
        let page = server.get(&format!("/books/{}/reviews", uid(&lent)));
        let reviews = page.expect_items();
        assert_eq!(reviews.len(), stay, "{fate}");
        if let [kept] = reviews {
            assert_eq!((uid(kept), &kept["user_uid"]), (uid(&review), &Value::Null));
            bob.delete(&format!("/reviews/{}", uid(kept))).expect_problem("forbidden");
            // The next round begins without it.
            create_account(server, "root", Role::Admin)
                .delete(&format!("/reviews/{}", uid(kept)))
                .expect_status(204);
        }
        // Nothing of it is left, and its name and address are free.
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

fn the_last_administrator_does_not_leave(server: &TestServer) {
    let admin = create_account(server, "root", Role::Admin);
    leave(&admin, PASSWORD, "keep").expect_problem("last-admin");
    let disabled = json!({"disabled": true});
    admin.put(&format!("/users/{}/disabled", admin.uid), &disabled).expect_problem("last-admin");
    admin.get("/reviews").expect_status(200);
    let other = create_account(server, "other", Role::Admin);
    leave(&admin, PASSWORD, "keep").expect_status(204);
    leave(&other, PASSWORD, "keep").expect_problem("last-admin");
}

fn an_export_has_all_of_one_and_nothing_of_others(server: &TestServer) {
    let (ada, bob) =
        (create_account(server, "ada", Role::User), create_account(server, "bob", Role::User));
    let books: Vec<_> = (0..3).map(|n| add_book(&ada, &format!("Volume {n}"))).collect();
    let lent = add_book(&bob, "Emma");
    let review = add_review(&ada, &lent, 4);
    add_review(&bob, &lent, 1);
    let new_key = json!({"name": "nightly", "scopes": ["read"]});
    let made = ada.post("/auth/keys", &new_key).expect_status(201).clone();
    bob.post("/auth/keys", &new_key).expect_status(201);
    ada.get("/reviews").expect_problem("forbidden");
    let admin = create_account(server, "root", Role::Admin);
    let role = format!("/users/{}/role", ada.uid);
    admin.put(&role, &json!({"role": "admin"})).expect_status(200);

    let answer = ada.get("/auth/me/export");
    let export = answer.expect_status(200);
    let attachment = "attachment; filename=\"recto-export.json\"";
    assert_eq!(answer.header("content-disposition"), Some(attachment));
    let rooms = ["account", "api_keys", "audit", "books", "reviews", "sessions", "user"];
    assert_eq!(field_names(export), rooms);
    assert_eq!(uid(&export["user"]), ada.uid);
    assert_eq!(export["account"]["email"], "ada@example.org");
    let list = |name: &str| export[name].as_array().unwrap().clone();
    let mut exported = list("books");
    exported.sort_by_key(|book| uid(book).to_owned());
    assert_eq!(exported, books);
    assert_eq!(list("reviews"), [review]);
    assert_eq!(texts(&list("api_keys"), "id"), [made["id"].as_str().unwrap()]);
    assert_eq!(list("sessions").len(), 1);
    let audit = list("audit");
    assert_eq!(texts(&audit, "action"), ["role.changed", "refused", "key.created"]);
    // Where the administrator was is not hers to know.
    let addresses: Vec<_> = audit.iter().map(|entry| entry["address"].as_str()).collect();
    assert_eq!(addresses, [None, Some("127.0.0.1"), Some("127.0.0.1")]);
    let text = answer.text();
    for secret in [made["key"].as_str().unwrap(), "argon2", "hash", &bob.uid] {
        // Whose book is reviewed is nowhere in a review.
        assert!(!text.contains(secret), "{secret}");
    }
}

both_servers!(
    books_stay_and_reviews_as_one_likes,
    the_last_administrator_does_not_leave,
    an_export_has_all_of_one_and_nothing_of_others,
);
