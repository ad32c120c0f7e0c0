//! Idempotency keys: requests that are sent again.

use std::thread;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use recto_api::Settings;
use recto_domain::{Clock as _, Role};
use recto_identity::quota::Quotas;
use recto_persistence::identity::idempotency_key::{self, IdempotencyKey};
use recto_testkit::both_servers;
use recto_testkit::database::Engine;
use recto_testkit::server::{Response, TestClient, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::{Clients, TestAccount};
use crate::support::assertions::{Expect as _, assert_healthy, assert_problem, uid};
use crate::support::fixtures::{add_book, add_tag, tags_body};
use crate::support::raw_http;
use crate::support::samples::{Samples, collection_path, entity_types, item_template};

both_servers!(
    every_creation_is_replayed,
    every_kind_of_change_is_replayed,
    key_belongs_to_one_request,
    key_belongs_to_an_account,
    malformed_keys_are_refused,
    refused_requests_are_not_stored,
    replay_precedes_everything_else,
    replay_needs_a_valid_credential,
    other_methods_and_auth_ignore_keys,
    keys_expire_after_a_day,
    two_servers_make_a_change_once,
    keys_do_not_block_user_changes,
    key_in_use_is_a_conflict,
    account_keeps_its_newest_responses,
    replays_are_not_counted_as_writes,
);

/// Sends JSON with a key.
fn send(client: &TestClient<'_>, method: &str, path: &str, key: &str, body: &Value) -> Response {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    client.send(method, path, &headers, Some(body.to_string().as_bytes()))
}

/// Asserts that a response is the stored one.
#[track_caller]
fn assert_replayed(first: &Response, second: &Response) {
    assert!((200..300).contains(&first.status), "{first:?}");
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!(second.header("idempotency-replayed"), Some("true"), "{second:?}");
    assert_eq!((second.status, &second.body), (first.status, &first.body));
    for header in ["location", "etag", "content-type", "cache-control", "vary"] {
        assert_eq!(second.header(header), first.header(header), "{header}");
    }
}

/// Sends a request twice with one key, and returns the response.
#[track_caller]
fn send_twice(client: &TestClient<'_>, method: &str, path: &str, body: &Value) -> Response {
    let key = format!("{method}-{path}");
    let first = send(client, method, path, &key, body);
    assert_replayed(&first, &send(client, method, path, &key, body));
    first
}

fn every_creation_is_replayed(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let samples = Samples::of(&ada);
    for entity in entity_types() {
        let Some((path, body)) = samples.creation(entity.name) else { continue };
        let count = || ada.get(&format!("{path}?limit=100")).json["items"].as_array().map(Vec::len);
        let before = count();
        let created = send_twice(&ada, "POST", &path, &body);
        assert!(created.header("location").is_some() && created.header("etag").is_some());
        let after = count();
        assert_eq!(after.unwrap_or_default(), before.unwrap_or_default() + 1, "{path}");
    }
}

fn every_kind_of_change_is_replayed(server: &TestServer) {
    let Clients { ada, admin, .. } = Clients::create(server);
    let book = format!("/books/{}", uid(&add_book(&ada, "Emma")));
    send_twice(&ada, "PATCH", &book, &json!({"title": "Emma, again"}));
    assert_eq!(version(&ada.get(&book)), 2, "the change was made once");
    send_twice(&ada, "POST", &format!("{book}/tags"), &tags_body(&["sea", "sand"]));
    assert_eq!(version(&ada.get(&book)), 3);
    let batch = json!({"books": [{"title": "Shirley", "author": "Charlotte Brontë"}]});
    send_twice(&ada, "POST", "/books/batch", &batch);
    assert_eq!(ada.get("/books").expect_items().len(), 2);
    send_twice(&ada, "PATCH", &format!("/users/{}", ada.uid), &json!({"first_name": "Ada"}));
    let author = ada.get("/authors?name=jane+austen");
    let author = format!("/authors/{}", uid(&author.expect_items()[0]));
    send_twice(&admin, "PATCH", &author, &json!({"name": "J. Austen"}));
    let entries = admin.get("/audit?action=content.changed");
    assert_eq!(entries.expect_items().len(), 1, "a replay is not audited");
    // An item without further fields: the replayed body is not that of a fresh GET.
    let samples = Samples::of(&ada);
    let post = samples.fill(&item_template("Post"));
    let first = send(&ada, "PATCH", &post, "k", &json!({"title": "One"}));
    ada.patch(&post, &json!({"title": "Two"})).expect_status(200);
    assert_replayed(&first, &send(&ada, "PATCH", &post, "k", &json!({"title": "One"})));
    assert_eq!(ada.get(&post).json["title"], "Two");
}

fn version(response: &Response) -> u64 {
    let tag = response.header("etag").unwrap();
    tag.trim_matches('"').split_once('-').unwrap().0.parse().unwrap()
}

fn key_belongs_to_one_request(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let book = format!("/books/{}", uid(&add_book(&ada, "Emma")));
    let (tag, path) = (json!({"name": "sea"}), "/tags");
    let first = send(&ada, "POST", path, "k", &tag);
    assert_replayed(&first, &send(&ada, "POST", path, "\"k\"", &tag));
    for (method, path, body) in [
        ("POST", "/tags", json!({"name": "sand"})),
        ("POST", "/tags?&", tag.clone()),
        ("POST", "/blog/posts", json!({"title": "A", "content": "B"})),
        ("PATCH", &book, json!({"title": "Sanditon"})),
    ] {
        send(&ada, method, path, "k", &body).expect_problem("idempotency-key-reused");
    }
    // The same JSON, written in another way, is another body.
    let headers = [("content-type", "application/json"), ("idempotency-key", "k")];
    let spaced = ada.send("POST", "/tags", &headers, Some(b"{\"name\": \"sea\"}"));
    spaced.expect_problem("idempotency-key-reused");
    // Keys are compared by their letters.
    send(&ada, "POST", "/tags", "K", &json!({"name": "sand"})).expect_status(201);
}

fn key_belongs_to_an_account(server: &TestServer) {
    let Clients { ada, bob, .. } = Clients::create(server);
    let emma = json!({"title": "Emma", "author": "Jane Austen"});
    let (of_ada, of_bob) =
        (send(&ada, "POST", "/books", "k", &emma), send(&bob, "POST", "/books", "k", &emma));
    assert_ne!(of_ada.expect_status(201)["uid"], of_bob.expect_status(201)["uid"]);
    assert_eq!(of_bob.header("idempotency-replayed"), None);
    let again = server.sign_in("ada@example.org");
    assert_replayed(&of_ada, &send(&again, "POST", "/books", "k", &emma));
}

fn malformed_keys_are_refused(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let tag = json!({"name": "sea"}).to_string();
    let post = |keys: &[&str]| {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(keys.iter().map(|key| ("idempotency-key", *key)));
        ada.send("POST", "/tags", &headers, Some(tag.as_bytes()))
    };
    let (longest, too_long) = ("k".repeat(255), "k".repeat(256));
    for keys in [
        &[""][..],
        &["\"\""],
        &[&too_long],
        &[&format!("\"{too_long}\"")],
        &["é"],
        &["two words"],
        &["a\tb"],
        &["one", "two"],
    ] {
        let refused = post(keys);
        let detail = refused.expect_problem("malformed-request")["detail"].as_str().unwrap();
        assert!(detail.starts_with("Idempotency-Key must be one key of 1 to 255"), "{detail}");
    }
    // Bytes that are not UTF-8.
    let mut request = format!(
        "POST /api/v1/tags HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nidempotency-key: ",
        ada.token.as_ref().unwrap(),
        tag.len(),
    )
    .into_bytes();
    request.extend_from_slice(b"k\xff\r\n\r\n");
    request.extend_from_slice(tag.as_bytes());
    raw_http::send_bytes(server, &request).unwrap().expect_problem("malformed-request");
    assert!(ada.get("/tags").expect_items().is_empty());
    post(&[&format!("\"{longest}\"")]).expect_status(201);
    assert_eq!(post(&[&longest]).header("idempotency-replayed"), Some("true"));
    // A single quote is a character like others.
    send(&ada, "POST", "/tags", "\"", &json!({"name": "sand"})).expect_status(201);
    assert_healthy(server);
}

fn refused_requests_are_not_stored(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let sea = add_tag(&ada, "Sea");
    let tag = json!({"name": "sea"});
    send(&ada, "POST", "/tags", "k", &tag).expect_problem("tag-exists");
    send(&ada, "POST", "/tags", "k", &json!({"name": ""})).expect_problem("invalid-body");
    ada.put(&format!("/tags/{}", uid(&sea)), &json!({"name": "Ocean"})).expect_status(200);
    let first = send(&ada, "POST", "/tags", "k", &tag);
    first.expect_status(201);
    assert_replayed(&first, &send(&ada, "POST", "/tags", "k", &tag));
}

fn replay_precedes_everything_else(server: &TestServer) {
    let Clients { ada, admin, .. } = Clients::create(server);
    let book = format!("/books/{}", uid(&add_book(&ada, "Emma")));
    let review = json!({"rating": 4, "review_text": ""});
    let reviews = format!("{book}/reviews");
    let reviewed = send(&ada, "POST", &reviews, "review", &review);
    // Without the key, the second review is a conflict.
    ada.post(&reviews, &review).expect_problem("already-reviewed");
    let tag = ada.get(&book).header("etag").unwrap().to_owned();
    let change = |key: &str| {
        let headers = [
            ("content-type", "application/json"),
            ("if-match", tag.as_str()),
            ("idempotency-key", key),
        ];
        ada.send("PATCH", &book, &headers, Some(b"{\"title\": \"Sanditon\"}"))
    };
    let changed = change("change");
    assert_replayed(&changed, &change("change"));
    change("another").expect_problem("precondition-failed");
    admin.delete(&book).expect_status(204);
    assert_replayed(&reviewed, &send(&ada, "POST", &reviews, "review", &review));
    assert_replayed(&changed, &change("change"));
    send(&ada, "POST", &reviews, "other", &review).expect_problem("not-found");
}

fn replay_needs_a_valid_credential(server: &TestServer) {
    let Clients { ada, anonymous, admin, .. } = Clients::create(server);
    let tag = json!({"name": "sea"});
    send(&ada, "POST", "/tags", "k", &tag).expect_status(201);
    send(&anonymous, "POST", "/tags", "k", &tag).expect_problem("unauthenticated");
    // Without a valid credential, the key is not looked at.
    send(&anonymous, "POST", "/tags", "two words", &tag).expect_problem("unauthenticated");
    let ended = server.sign_in("ada@example.org");
    ended.send("POST", "/auth/logout", &[], None).expect_status(204);
    send(&ended, "POST", "/tags", "two words", &tag).expect_problem("unauthenticated");
    let account = TestAccount::create(server, &server.database().open(), Role::User);
    send(&account.client, "POST", "/tags", "k", &json!({"name": "sand"})).expect_status(201);
    send(&account.client_with(&account.read_key), "POST", "/tags", "k", &json!({"name": "sand"}))
        .expect_problem("forbidden");
    admin.delete(&format!("/users/{}", ada.uid)).expect_status(204);
    send(&ada, "POST", "/tags", "k", &tag).expect_problem("unauthenticated");
    let rows = "SELECT '1' AS line FROM idempotency_keys WHERE user_uid NOT IN (SELECT user_uid FROM accounts)";
    assert!(server.database().rows(rows).is_empty(), "the responses are deleted with the account");
}

fn other_methods_and_auth_ignore_keys(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let tag = format!("/tags/{}", uid(&add_tag(&ada, "Sea")));
    for name in ["Ocean", "Lake"] {
        let renamed = send(&ada, "PUT", &tag, "k", &json!({"name": name}));
        assert_eq!(renamed.expect_status(200)["name"], name);
    }
    let key = json!({"name": "script", "scopes": ["read"]});
    let made = [0, 1].map(|_| send(&ada, "POST", "/auth/keys", "k", &key));
    assert_ne!(made[0].expect_status(201)["id"], made[1].expect_status(201)["id"]);
    send(&ada, "POST", "/auth/keys", "two words", &key).expect_status(201);
    let header = [("idempotency-key", "two words")];
    assert_eq!(ada.send("GET", "/tags", &header, None).status, 200);
    assert!(server.database().rows("SELECT '1' AS line FROM idempotency_keys").is_empty());
}

fn keys_expire_after_a_day(server: &TestServer) {
    Clients::create(server);
    let emma = json!({"title": "Emma", "author": "Jane Austen"});
    let post = |body: &Value| send(&server.sign_in("ada@example.org"), "POST", "/books", "k", body);
    let first = post(&emma);
    let second = TimeDelta::seconds(1);
    server.clock().advance((idempotency_key::RETENTION - second).to_std().unwrap());
    assert_replayed(&first, &post(&emma));
    server.clock().advance(second.to_std().unwrap());
    let sanditon = json!({"title": "Sanditon", "author": "Jane Austen"});
    let second = post(&sanditon);
    assert_ne!(second.expect_status(201)["uid"], first.json["uid"]);
    assert_replayed(&second, &post(&sanditon));
}

/// Sends the same requests to two servers on one database, at the same time.
fn two_servers_make_a_change_once(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let other = server.another(TestServer::settings());
    let at_other = other.bearer(ada.token.as_ref().unwrap());
    let clients = [&ada, &at_other, &ada, &at_other];
    for round in 0..20 {
        let title = format!("Volume-{round}");
        let body = json!({"title": title, "author": "Honoré de Balzac", "tags": [{"name": title}]});
        let post = |client: &TestClient<'_>| send(client, "POST", "/books", &title, &body);
        let responses: Vec<Response> = thread::scope(|scope| {
            let threads = clients.map(|client| scope.spawn(move || post(client)));
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let is_replayed = |response: &&Response| response.header("idempotency-replayed").is_some();
        for response in &responses {
            assert_eq!(
                (response.expect_status(201), &response.body),
                (&responses[0].json, &responses[0].body)
            );
        }
        assert_eq!(responses.iter().filter(is_replayed).count(), 3);
    }
    assert_eq!(ada.get("/books?limit=100").expect_items().len(), 20);
}

/// Changes of the user's own row, and of rows that refer to it, at the same time.
fn keys_do_not_block_user_changes(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let user = format!("/users/{}", ada.uid);
    let change = |number: usize| {
        let key = format!("key-{number}");
        let batch = json!({"books": [{"title": "Emma", "author": "Jane Austen"}]});
        match number % 4 {
            0 => send(&ada, "PATCH", &user, &key, &json!({"username": format!("ada{number}")})),
            1 => send(&ada, "POST", "/books/batch", &key, &batch),
            2 => send(&ada, "POST", "/tags", &key, &json!({"name": format!("tag {number}")})),
            _ => ada.patch(&user, &json!({"username": format!("lovelace{number}")})),
        }
    };
    let started = Instant::now();
    let responses: Vec<Response> = thread::scope(|scope| {
        let change = &change;
        let threads: Vec<_> = (0..40).map(|n| scope.spawn(move || change(n))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for response in &responses {
        assert!((200..300).contains(&response.status), "{}", response.text());
    }
    // PostgreSQL looks for deadlocks after a second, and a request has five.
    assert!(started.elapsed() < Duration::from_secs(20));
}

/// SQLite has one writer: there the second request waits for the database, not for the key.
fn key_in_use_is_a_conflict(server: &TestServer) {
    let is_postgres = server.database().engine() == Engine::Postgres;
    let Clients { ada, .. } = Clients::create(server);
    let user = ada.uid.parse().unwrap();
    let key = IdempotencyKey { key: "k".to_owned(), request: [0; 32] };
    let conn = &mut server.database().connection();
    conn.begin_write().unwrap();
    idempotency_key::claim(conn, user, &key, server.clock().now()).unwrap();
    let started = Instant::now();
    let response = send(&ada, "POST", "/tags", "k", &json!({"name": "sea"}));
    if is_postgres {
        response.expect_problem("request-in-progress");
    } else {
        assert_eq!(response.status, 503);
        assert_problem(&response);
    }
    assert_eq!(response.header("retry-after"), Some("1"));
    assert!(started.elapsed() < Duration::from_secs(10));
    if is_postgres {
        // Others do not wait.
        send(&ada, "POST", "/tags", "other", &json!({"name": "sand"})).expect_status(201);
    }
    conn.roll_back().unwrap();
    send(&ada, "POST", "/tags", "k", &json!({"name": "sea"})).expect_status(201);
}

fn account_keeps_its_newest_responses(server: &TestServer) {
    let Clients { ada, bob, .. } = Clients::create(server);
    // 400 kB in UTF-8.
    let post = |title: u32| json!({"title": title.to_string(), "content": "🦀".repeat(100_000)});
    let at = |client: &TestClient<'_>, title: u32| {
        send(client, "POST", "/blog/posts", &title.to_string(), &post(title))
    };
    let is_replayed = |response: &Response| response.header("idempotency-replayed").is_some();
    at(&bob, 0).expect_status(201);
    let stored = || {
        let bytes = server.database().rows(
            "SELECT CAST(sum(length(body)) AS TEXT) AS line FROM idempotency_keys
            WHERE user_uid IN (SELECT uid FROM users WHERE username = 'ada')",
        );
        bytes[0].as_u64().unwrap()
    };
    // Of several servers on the database, each counts its own responses.
    let others = [0; 3].map(|_| server.another(TestServer::settings()));
    let token = ada.token.as_ref().unwrap();
    let clients = others.each_ref().map(|other| other.bearer(token));
    for (title, client) in (0..80).zip([&ada].into_iter().chain(&clients).cycle()) {
        assert!(!is_replayed(&at(client, title)));
        assert!(stored() <= 16_000_000, "{} after {title}", stored());
        // Up to 15 MB nothing is deleted.
        assert!(title != 36 || is_replayed(&at(&ada, 0)));
    }
    assert!(stored() >= 13_500_000, "{}", stored());
    assert!(is_replayed(&at(&ada, 79)) && is_replayed(&at(&ada, 46)) && is_replayed(&at(&bob, 0)));
    assert!(!is_replayed(&at(&ada, 0)), "the oldest is gone, so the change is made again");
}

fn replays_are_not_counted_as_writes(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let quotas = Some(Quotas::default());
    let other = server.another(Settings { quotas, ..TestServer::settings() });
    let ada = other.bearer(ada.token.as_ref().unwrap());
    let tag = json!({"name": "sea"});
    send(&ada, "POST", "/tags", "k", &tag).expect_status(201);
    for _ in 0..150 {
        send(&ada, "POST", "/tags", "k", &tag).expect_status(201);
    }
    assert_eq!(ada.get(&collection_path("Tag")).expect_items().len(), 1);
    // But a key that was used for another request is.
    let repeat = || send(&ada, "POST", "/tags", "k", &json!({"name": "sand"}));
    repeat().expect_problem("idempotency-key-reused");
    let refused = (0..150).map(|_| repeat()).find(|response| response.status != 422);
    refused.expect("the budget is used up").expect_problem("too-many-requests");
}
