//! The audit log.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use recto_domain::{AuditAction, Role};
use recto_identity::throttle::Limits;
use recto_testkit::both_servers;
use recto_testkit::database::Engine;
use recto_testkit::server::{PASSWORD, TestClient, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::{OTHER_PASSWORD, TestAccount, create_account};
use crate::support::assertions::{Expect as _, all_items, items, text, texts, uid};
use crate::support::fixtures::{add_book, add_review, add_tag};
use crate::support::limits::{hourly, server_with_limits};

/// Returns actor, subject and detail of the newest entry of an action.
#[track_caller]
fn newest(admin: &TestClient<'_>, action: &str) -> (Value, Value, Value) {
    let page = admin.get(&format!("/audit?action={action}&limit=1"));
    let entry = page.expect_items().first().unwrap_or_else(|| panic!("no {action}")).clone();
    assert_eq!(entry["action"], action);
    assert_eq!(entry["address"], "127.0.0.1");
    assert!(!text(&entry, "request_id").is_empty());
    (entry["actor_uid"].clone(), entry["subject_uid"].clone(), entry["detail"].clone())
}

fn every_action_is_recorded(server: &TestServer) {
    let database = server.database().open();
    let admin = create_account(server, "root", Role::Admin);
    let ada = TestAccount::create(server, &database, Role::User);
    let (her, none) = (json!(ada.client.uid), Value::Null);
    let login = |password: &str| {
        let body = json!({"email": ada.email, "password": password});
        server.anonymous().post("/auth/login", &body)
    };
    let new = json!({"username": "new", "email": "new@example.org", "password": PASSWORD});
    let signed_up = server.anonymous().post("/auth/signup", &new).expect_status(201)["uid"].clone();
    assert_eq!(newest(&admin, "sign-up"), (signed_up.clone(), none.clone(), none.clone()));
    login(PASSWORD).expect_status(200);
    assert_eq!(newest(&admin, "sign-in"), (her.clone(), none.clone(), none.clone()));
    login("not the password").expect_problem("wrong-credentials");
    assert_eq!(newest(&admin, "sign-in.failed"), (none.clone(), her.clone(), none.clone()));
    let unknown = json!({"email": "nobody@example.org", "password": PASSWORD});
    server.anonymous().post("/auth/login", &unknown).expect_problem("wrong-credentials");
    assert_eq!(newest(&admin, "sign-in.failed"), (none.clone(), none.clone(), none.clone()));

    ada.client.get("/users?limit=3").expect_problem("forbidden");
    let refused = json!("GET /api/v1/users");
    assert_eq!(newest(&admin, "refused"), (her.clone(), none.clone(), refused));
    let unverified = server.sign_in("new@example.org");
    unverified.post("/books", &json!({})).expect_problem("forbidden");
    let refused = json!("POST /api/v1/books");
    assert_eq!(newest(&admin, "refused"), (signed_up, none.clone(), refused));

    let key = json!({"name": "nightly", "scopes": ["read"]});
    let key = ada.client.post("/auth/keys", &key).expect_status(201)["id"].clone();
    let created = json!("nightly (read)");
    assert_eq!(newest(&admin, "key.created"), (her.clone(), none.clone(), created));
    ada.client.delete(&format!("/auth/keys/{}", key.as_str().unwrap())).expect_status(204);
    assert_eq!(newest(&admin, "key.revoked").0, her);
    ada.client.get("/auth/me/export").expect_status(200);
    assert_eq!(newest(&admin, "account.exported").0, her);

    server.anonymous().post("/auth/verify", &verification(&ada)).expect_status(200);
    // Verifying again is not recorded.
    let unverify = format!("UPDATE accounts SET verified = FALSE WHERE email = '{}'", ada.email);
    assert!(admin.get("/audit?action=email.verified").expect_items().is_empty());
    let bob = TestAccount::create(server, &database, Role::User);
    server.database().execute(&unverify.replace(&ada.email, &bob.email)).unwrap();
    server.anonymous().post("/auth/verify", &verification(&bob)).expect_status(200);
    assert_eq!(newest(&admin, "email.verified").1, json!(bob.client.uid));

    let refresh = json!({"refresh_token": bob.refresh_token.expose()});
    server.anonymous().post("/auth/refresh", &refresh).expect_status(200);
    server.clock().advance(Duration::from_secs(31));
    server.anonymous().post("/auth/refresh", &refresh).expect_problem("unauthenticated");
    assert_eq!(newest(&admin, "token.reuse"), (none.clone(), json!(bob.client.uid), none.clone()));
    check_refused_credentials(server, &admin, &ada);
    check_profile(&admin, &ada);
    check_content(&admin, &ada);
    check_administration(&admin, &bob);
    check_endings(server, &admin, &ada);

    let seen: BTreeSet<String> = all_items(&admin, "/audit?limit=7")
        .iter()
        .map(|entry| text(entry, "action").to_owned())
        .collect();
    let all = AuditAction::ALL.iter().map(ToString::to_string);
    let missing: Vec<_> = all.filter(|action| !seen.contains(action)).collect();
    let not_here = ["account.created", "sign-in.throttled", "import.started"];
    assert_eq!(missing, not_here, "these actions have their own tests");
}

/// Checks the entries about tokens and keys that are not valid.
fn check_refused_credentials(server: &TestServer, admin: &TestClient<'_>, ada: &TestAccount<'_>) {
    let none = Value::Null;
    server.bearer("nonsense").get("/auth/me").expect_problem("unauthenticated");
    let (actor, subject, detail) = newest(admin, "credential.refused");
    assert_eq!((actor, subject), (none.clone(), none));
    assert!(detail.as_str().unwrap().starts_with("GET /api/v1/auth/me: "), "{detail}");
    let count = || admin.get("/audit?action=credential.refused").expect_items().len();
    let before = count();
    // A missing token is none that was refused.
    server.get("/auth/me").expect_problem("unauthenticated");
    assert_eq!(count(), before);
    let key = ada.client.post("/auth/keys", &json!({"name": "x", "scopes": ["read"]}));
    let key = key.expect_status(201).clone();
    ada.client.delete(&format!("/auth/keys/{}", text(&key, "id"))).expect_status(204);
    for _ in 0..30 {
        server.bearer(text(&key, "key")).get("/auth/me").expect_problem("unauthenticated");
    }
    assert_eq!(count(), 10, "a flood is not stored");
}

/// Performs and checks what a user changes in the profile.
fn check_profile(admin: &TestClient<'_>, ada: &TestAccount<'_>) {
    let path = format!("/users/{}", ada.client.uid);
    let before = text(ada.client.get(&path).expect_status(200), "username").to_owned();
    let change = json!({"username": "countess", "last_name": "Lovelace"});
    for _ in 0..2 {
        ada.client.patch(&path, &change).expect_status(200);
    }
    let detail = format!("username from {before} to countess, last name");
    assert_eq!(
        newest(admin, "profile.changed"),
        (json!(ada.client.uid), Value::Null, json!(detail))
    );
    assert_eq!(admin.get("/audit?action=profile.changed").expect_items().len(), 1);
}

/// Performs and checks what administrators read and change that is not their own.
fn check_content(admin: &TestClient<'_>, ada: &TestAccount<'_>) {
    let (root, hers, none) = (json!(admin.uid), json!(ada.client.uid), Value::Null);
    let about = |entity: &str, key: &str| json!(format!("{entity} {key}"));
    for _ in 0..2 {
        admin.get("/users").expect_status(200);
    }
    assert_eq!(newest(admin, "accounts.read"), (root.clone(), none.clone(), none.clone()));
    for _ in 0..2 {
        admin.get(&format!("/users/{}", ada.client.uid)).expect_status(200);
    }
    assert_eq!(newest(admin, "accounts.read"), (root.clone(), hers.clone(), none.clone()));
    assert_eq!(admin.get("/audit?action=accounts.read").expect_items().len(), 2);
    assert_eq!(newest(admin, "audit.read"), (root.clone(), none.clone(), none.clone()));
    assert_eq!(admin.get("/audit?action=audit.read").expect_items().len(), 1);

    let book = json!({"title": "Emma", "author": "Jane Austen", "isbn": "9780141439587"});
    let emma = ada.client.post("/books", &book).expect_status(201).clone();
    let path = format!("/books/{}", uid(&emma));
    admin.patch(&path, &json!({"title": "EMMA"})).expect_status(200);
    let about_emma = about("book", uid(&emma));
    let changed = |detail: &Value| (root.clone(), hers.clone(), detail.clone());
    assert_eq!(newest(admin, "content.changed"), changed(&about_emma));
    let batch = json!({"books": [book]});
    admin.post("/books/batch", &batch).expect_status(200);
    let in_batch = (root.clone(), none.clone(), json!("1 books in a batch"));
    assert_eq!(newest(admin, "content.changed"), in_batch);
    let tag = add_tag(&ada.client, "hers");
    let rename = json!({"name": "ours"});
    admin.put(&format!("/tags/{}", uid(&tag)), &rename).expect_status(200);
    assert_eq!(newest(admin, "content.changed"), changed(&about("tag", uid(&tag))));
    let review = add_review(&ada.client, &emma, 5);
    admin.delete(&format!("/reviews/{}", uid(&review))).expect_status(204);
    assert_eq!(newest(admin, "content.deleted"), changed(&about("review", uid(&review))));
    admin.delete(&path).expect_status(204);
    assert_eq!(newest(admin, "content.deleted"), changed(&about_emma));
    let post = ada.client.post("/blog/posts", &json!({"title": "On engines", "content": "x"}));
    let post = post.expect_status(201)["id"].clone();
    admin.delete(&format!("/blog/posts/{post}")).expect_status(204);
    let deleted = (root, none, json!(format!("post {post}")));
    assert_eq!(newest(admin, "content.deleted"), deleted);

    // Changes to one's own data and failed changes are not recorded.
    let own = add_book(admin, "Dune");
    let entries = || {
        let count = |action: &str| all_items(admin, &format!("/audit?action={action}")).len();
        (count("content.changed"), count("content.deleted"))
    };
    let before = entries();
    let path = format!("/books/{}", uid(&own));
    admin.patch(&path, &json!({"title": "DUNE"})).expect_status(200);
    admin.delete(&path).expect_status(204);
    admin.delete(&path).expect_problem("not-found");
    let hers = add_book(&ada.client, "Persuasion");
    admin
        .patch(&format!("/books/{}", uid(&hers)), &json!({"title": ""}))
        .expect_problem("invalid-body");
    assert_eq!(entries(), before);
}

fn verification(account: &TestAccount<'_>) -> Value {
    json!({"token": account.verify_token.expose(), "password": PASSWORD})
}

/// Performs and checks what administrators do to an account.
fn check_administration(admin: &TestClient<'_>, bob: &TestAccount<'_>) {
    let (root, his, none) = (json!(admin.uid), json!(bob.client.uid), Value::Null);
    let at = |what: &str| format!("/users/{}/{what}", bob.client.uid);
    for (what, body, action, detail) in [
        ("role", json!({"role": "admin"}), "role.changed", json!("user to admin")),
        ("role", json!({"role": "user"}), "role.changed", json!("admin to user")),
        ("disabled", json!({"disabled": true}), "account.disabled", none.clone()),
        ("disabled", json!({"disabled": false}), "account.enabled", none.clone()),
    ] {
        admin.put(&at(what), &body).expect_status(200);
        assert_eq!(newest(admin, action), (root.clone(), his.clone(), detail));
        // Without a change there is no entry.
        let count = || admin.get("/audit?limit=100").expect_items().len();
        let before = count();
        admin.put(&at(what), &body).expect_status(200);
        assert_eq!(count(), before);
    }
    admin.delete(&format!("/users/{}", bob.client.uid)).expect_status(204);
    assert_eq!(newest(admin, "account.deleted"), (root, his.clone(), none));
    // Entries remain when the accounts they name are deleted.
    let page = admin.get(&format!("/audit?user_uid={}", bob.client.uid));
    assert!(texts(page.expect_items(), "action").contains(&"token.reuse"));
}

/// Performs and checks what ends sessions, passwords and accounts.
fn check_endings(server: &TestServer, admin: &TestClient<'_>, ada: &TestAccount<'_>) {
    let her = json!(ada.client.uid);
    let change = json!({"password": PASSWORD, "new_email": "ada.new@example.org"});
    assert_eq!(ada.client.put("/auth/email", &change).status, 202);
    assert_eq!(newest(admin, "email.change-requested").0, her);
    let cleo = TestAccount::create(server, &server.database().open(), Role::User);
    let confirmation = json!({"token": cleo.email_token.expose()});
    server.anonymous().post("/auth/email-confirm", &confirmation).expect_status(204);
    assert_eq!(newest(admin, "email.changed").1, json!(cleo.client.uid));
    let reset = json!({
        "token": ada.reset_token.expose(), "new_password": OTHER_PASSWORD, "confirm_new_password": OTHER_PASSWORD,
    });
    server.anonymous().post("/auth/password-reset-confirm", &reset).expect_status(204);
    assert_eq!(newest(admin, "password.reset").1, her);
    let login = json!({"email": ada.email, "password": OTHER_PASSWORD});
    let sign_in = || {
        let response = server.anonymous().post("/auth/login", &login);
        server.bearer(text(response.expect_status(200), "access_token"))
    };
    let (one, other, third) = (sign_in(), sign_in(), sign_in());
    let sessions = one.get("/auth/sessions").expect_status(200).clone();
    let second = text(&items(&sessions)[1], "id");
    one.delete(&format!("/auth/sessions/{second}")).expect_status(204);
    assert_eq!(newest(admin, "session.revoked").0, her);
    other.get("/auth/me").expect_problem("unauthenticated");
    third.send("POST", "/auth/logout", &[], None).expect_status(204);
    assert_eq!(newest(admin, "sign-out").0, her);
    let change = json!({"current_password": OTHER_PASSWORD, "new_password": PASSWORD});
    one.put("/auth/password", &change).expect_status(204);
    assert_eq!(newest(admin, "password.changed").0, her);
    let deletion = json!({"password": PASSWORD, "reviews": "keep"});
    one.send_json("DELETE", "/auth/me", &deletion).expect_status(204);
    assert_eq!(newest(admin, "account.deleted").0, her);
}

fn only_administrators_read_the_audit(server: &TestServer) {
    let admin = create_account(server, "root", Role::Admin);
    let (ada, bob) =
        (create_account(server, "ada", Role::User), create_account(server, "bob", Role::User));
    for client in [&ada, &bob, &ada, &bob, &ada] {
        client.get("/audit").expect_problem("forbidden");
    }
    server.get("/audit").expect_problem("unauthenticated");
    // The first reading adds an entry about itself.
    assert_eq!(admin.get("/audit").expect_items().len(), 5);
    let all = all_items(&admin, "/audit?limit=2");
    assert_eq!(all.len(), 6);
    assert!(all.is_sorted_by(|newer, older| text(newer, "id") > text(older, "id")));
    let hers = all_items(&admin, &format!("/audit?limit=2&action=refused&user_uid={}", ada.uid));
    assert_eq!(texts(&hers, "actor_uid"), [ada.uid.as_str(); 3]);
    assert!(all_items(&admin, "/audit?action=sign-out").is_empty());
    for query in ["action=nonsense", "user_uid=x", "limit=0", "cursor=x", "sort=at", "include=user"]
    {
        admin.get(&format!("/audit?{query}")).expect_problem("invalid-parameter");
    }
    let unknown = admin.get("/audit?action=nonsense");
    assert_eq!(unknown.query_errors(), [("action", "range")]);
    let detail = text(&unknown.json, "detail");
    assert!(AuditAction::ALL.iter().all(|action| detail.contains(action.as_str())), "{detail}");
    // A cursor is only valid with its filter.
    let cursor =
        admin.get("/audit?limit=1").expect_status(200)["next_cursor"].as_str().unwrap().to_owned();
    let other = format!("/audit?limit=1&action=refused&cursor={cursor}");
    admin.get(&other).expect_problem("invalid-parameter");
}

/// While the table of entries is locked, refusals are answered, and their entries are stored later.
fn refusals_do_not_wait_for_entries(server: &TestServer) {
    let admin = create_account(server, "root", Role::Admin);
    let ada = create_account(server, "ada", Role::User);
    let mut locker = server.database().connection();
    locker.begin_write().unwrap();
    if server.database().engine() == Engine::Postgres {
        locker.execute_batch("LOCK TABLE audit IN EXCLUSIVE MODE").unwrap();
    }
    let since = Instant::now();
    for _ in 0..3 {
        ada.get("/users").expect_problem("forbidden");
        let wrong = json!({"email": "nobody@example.org", "password": "not the password"});
        server.anonymous().post("/auth/login", &wrong).expect_problem("wrong-credentials");
    }
    // A write would wait for ten seconds and more.
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
    locker.roll_back().unwrap();
    let count = |action: &str| all_items(&admin, &format!("/audit?action={action}")).len();
    let since = Instant::now();
    while (count("refused"), count("sign-in.failed")) != (3, 3) {
        assert!(since.elapsed() < Duration::from_mins(1));
    }
}

fn client_request_id_is_not_recorded(server: &TestServer) {
    let admin = create_account(server, "root", Role::Admin);
    let ada = create_account(server, "ada", Role::User);
    let id = [("x-request-id", "forged-0001")];
    let refused = ada.send("GET", "/users", &id, None);
    assert_eq!(refused.expect_problem("forbidden")["request_id"], "forged-0001");
    let entries = all_items(&admin, "/audit?action=refused");
    assert_ne!(entries[0]["request_id"], "forged-0001");
}

#[test]
fn throttling_is_recorded_once_per_minute() {
    let server = server_with_limits(Limits { sign_in: Some(hourly(1)), ..Limits::none() });
    let admin = create_account(&server, "root", Role::Admin);
    let wrong = json!({"email": "nobody@example.org", "password": "not the password"});
    server.anonymous().post("/auth/login", &wrong).expect_problem("wrong-credentials");
    for _ in 0..5 {
        server.anonymous().post("/auth/login", &wrong).expect_problem("too-many-requests");
    }
    let page = admin.get("/audit");
    assert_eq!(texts(page.expect_items(), "action"), ["sign-in.throttled", "sign-in.failed"]);
}

both_servers!(
    every_action_is_recorded,
    only_administrators_read_the_audit,
    refusals_do_not_wait_for_entries,
    client_request_id_is_not_recorded,
);
