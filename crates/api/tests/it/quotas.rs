//! Quotas of accounts; how they are remembered is tested in `recto-identity`.

use std::num::NonZeroU32;
use std::time::Duration;

use recto_api::Settings;
use recto_domain::Role;
use recto_identity::quota::Quotas;
use recto_identity::throttle::Limit;
use recto_testkit::both_servers;
use recto_testkit::server::{PASSWORD, Response, TestClient, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::create_account;
use crate::support::assertions::{Expect as _, text, uid};
use crate::support::fixtures::{add_book, tags_body};
use crate::support::limits::hourly;

/// Few of each, and as many writes as a test needs.
fn few() -> Quotas {
    let many = Limit::new(NonZeroU32::MAX, Duration::from_secs(1));
    Quotas {
        books: 3,
        reviews: 1,
        tags: 4,
        authors: 4,
        api_keys: 2,
        sessions: 2,
        creations: 12,
        writes: many,
    }
}

/// Starts another server with these quotas on the same database.
fn with_quotas(server: &TestServer, quotas: Quotas) -> TestServer {
    server.another(Settings { quotas: Some(quotas), ..TestServer::settings() })
}

/// Returns a client of another server with the same token.
fn at<'s>(server: &'s TestServer, client: &TestClient<'_>) -> TestClient<'s> {
    let mut same = server.bearer(client.token.as_deref().unwrap());
    same.uid.clone_from(&client.uid);
    same
}

#[track_caller]
fn expect_quota(response: &Response, what: &str) {
    let problem = response.expect_problem("quota-exceeded");
    assert_eq!(problem["status"], 409);
    assert!(text(problem, "detail").ends_with(what), "{problem}");
}

fn owned_items_are_limited(server: &TestServer) {
    let limited = with_quotas(server, few());
    let [ada, bob] = ["ada", "bob"].map(|name| create_account(server, name, Role::User));
    let (ada, bob) = (at(&limited, &ada), at(&limited, &bob));
    let book = |title: &str, author: &str| json!({"title": title, "author": author});
    let emma = add_book(&ada, "Emma");
    ada.post("/books", &book("Persuasion", "Jane Austen")).expect_status(201);
    // All or nothing, in a batch too.
    let two = json!({"books": [book("a", "Jane Austen"), book("b", "Jane Austen")]});
    expect_quota(&ada.post("/books/batch", &two), "at most 3 books");
    ada.post("/books", &book("Sanditon", "Jane Austen")).expect_status(201);
    expect_quota(&ada.post("/books", &book("Lady Susan", "Jane Austen")), "at most 3 books");
    assert_eq!(server.get(&format!("/users/{}/books", ada.uid)).expect_items().len(), 3);
    // A deletion allows another item, and others have quotas of their own.
    ada.delete(&format!("/books/{}", uid(&emma))).expect_status(204);
    let emma = add_book(&ada, "Emma");
    let dune = add_book(&bob, "Dune");

    let path = format!("/books/{}", uid(&emma));
    let authors = json!({"author": "A, B, C, D"});
    expect_quota(&ada.patch(&path, &authors), "at most 4 authors");
    assert_eq!(text(ada.get(&path).expect_status(200), "author"), "Jane Austen");
    ada.patch(&path, &json!({"author": "A, B, C"})).expect_status(200);
    let tags = format!("{path}/tags");
    ada.post(&tags, &tags_body(&["a", "b", "c"])).expect_status(200);
    ada.post("/tags", &json!({"name": "d"})).expect_status(201);
    expect_quota(&ada.post(&tags, &tags_body(&["a", "e"])), "at most 4 tags");
    expect_quota(&ada.post("/tags", &json!({"name": "e"})), "at most 4 tags");
    ada.post(&tags, &tags_body(&["a", "d"])).expect_status(200);

    let review = json!({"rating": 5, "review_text": ""});
    ada.post(&format!("{path}/reviews"), &review).expect_status(201);
    let reviews = format!("/books/{}/reviews", uid(&dune));
    expect_quota(&ada.post(&reviews, &review), "at most 1 reviews");
    let key = json!({"name": "x", "scopes": ["read"]});
    for _ in 0..2 {
        ada.post("/auth/keys", &key).expect_status(201);
    }
    expect_quota(&ada.post("/auth/keys", &key), "at most 2 API keys");
}

fn administrators_have_no_quotas(server: &TestServer) {
    let quotas = Quotas { writes: hourly(1), creations: 0, books: 0, sessions: 1, ..few() };
    let limited = with_quotas(server, quotas);
    let root = at(&limited, &create_account(server, "root", Role::Admin));
    for _ in 0..3 {
        add_book(&root, "Emma");
        root.post("/school/students", &json!({"name": "Sofia"})).expect_status(201);
        limited.sign_in("root@example.org");
    }
    // A key without the scope `admin` is an ordinary user's.
    let key = json!({"name": "x", "scopes": ["write"]});
    let key = root.post("/auth/keys", &key).expect_status(201).clone();
    let script = limited.bearer(text(&key, "key"));
    expect_quota(&script.post("/books", &json!({"title": "x", "author": "y"})), "at most 0 books");
}

fn creations_are_limited_for_a_day(server: &TestServer) {
    let limited = with_quotas(server, few());
    let ada = at(&limited, &create_account(server, "ada", Role::User));
    let student =
        |client: &TestClient<'_>| client.post("/school/students", &json!({"name": "Sofia"}));
    let company = json!({
        "name": "Engines", "departments": [{"name": "Cards", "employees": [{"name": "Ada"}]}]
    });
    let made = ada.post("/org/companies", &company);
    made.expect_status(201);
    assert!(made.header("ratelimit-policy").unwrap().ends_with("\"creations\";q=12;w=86400"));
    assert!(made.header("ratelimit").unwrap().contains("\"creations\";r=9;t=86"));
    let post = json!({"title": "On engines", "content": "x"});
    let post = ada.post("/blog/posts", &post).expect_status(201)["id"].clone();
    let comments = format!("/blog/posts/{post}/comments");
    ada.post(&comments, &json!({"text": "Well"})).expect_status(201);
    for _ in 0..7 {
        student(&ada).expect_status(201);
    }
    let refused = student(&ada);
    refused.expect_problem("too-many-requests");
    let retry = refused.header("retry-after").unwrap().to_owned();
    let limit = refused.header("ratelimit").unwrap().to_owned();
    assert!(limit.ends_with(&format!("\"creations\";r=0;t={retry}")), "{limit}");
    // Nothing was created, and another server process counts on.
    let students = server.get("/school/students?limit=100");
    assert_eq!(students.expect_items().len(), 7);
    let restarted = with_quotas(server, few());
    student(&at(&restarted, &ada)).expect_problem("too-many-requests");
    // Owned items and other accounts are not affected.
    add_book(&ada, "Emma");
    student(&at(&limited, &create_account(server, "bob", Role::User))).expect_status(201);

    server.clock().advance(Duration::from_hours(24));
    student(&limited.sign_in("ada@example.org")).expect_status(201);
}

fn writes_have_a_rate(server: &TestServer) {
    let limited = with_quotas(server, Quotas { writes: hourly(3), ..few() });
    let ada = create_account(server, "ada", Role::User);
    let other = server.sign_in("ada@example.org");
    let (ada, other) = (at(&limited, &ada), at(&limited, &other));
    let path = format!("/users/{}", ada.uid);
    let write = || ada.patch(&path, &json!({"first_name": "Ada"}));
    let response = write();
    response.expect_status(200);
    assert_eq!(response.header("ratelimit-policy"), Some("\"writes\";q=3;w=10800"));
    assert_eq!(response.header("ratelimit"), Some("\"writes\";r=2;t=3600"));
    // A batch counts its items, and may use more than is left.
    let book = |title: &str| json!({"title": title, "author": "Jane Austen"});
    let batch = json!({"books": [book("a"), book("b"), book("c")]});
    let response = ada.post("/books/batch", &batch);
    response.expect_status(200);
    assert!(response.header("ratelimit").unwrap().starts_with("\"writes\";r=0;t="));
    let refused = write();
    refused.expect_problem("too-many-requests");
    let retry: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((7100..=7200).contains(&retry), "one of the debt, and one more: {retry}");
    assert_eq!(refused.header("ratelimit").unwrap(), format!("\"writes\";r=0;t={retry}"));
    // Reads are not limited, nor are changes that protect the account.
    ada.get("/auth/me").expect_status(200);
    let sessions = ada.get("/auth/sessions");
    let session = sessions.expect_items().iter().find(|one| one["current"] == false).unwrap();
    ada.delete(&format!("/auth/sessions/{}", text(session, "id"))).expect_status(204);
    other.get("/auth/me").expect_problem("unauthenticated");
    let change = json!({"current_password": PASSWORD, "new_password": "another, quite long"});
    ada.put("/auth/password", &change).expect_status(204);
}

fn refused_batch_counts_its_items(server: &TestServer) {
    let limited = with_quotas(server, Quotas { writes: hourly(3), books: 1, ..few() });
    let ada = at(&limited, &create_account(server, "ada", Role::User));
    let book = |title: &str| json!({"title": title, "author": "Jane Austen"});
    let batch = json!({"books": [book("a"), book("b"), book("c")]});
    expect_quota(&ada.post("/books/batch", &batch), "at most 1 books");
    ada.post("/books/batch", &batch).expect_problem("too-many-requests");
}

fn further_session_ends_the_oldest(server: &TestServer) {
    let limited = with_quotas(server, Quotas { sessions: 2, ..few() });
    create_account(server, "ada", Role::User);
    let sign_in = || limited.sign_in("ada@example.org");
    let (first, second, third) = (sign_in(), sign_in(), sign_in());
    first.get("/auth/me").expect_problem("unauthenticated");
    let sessions = third.get("/auth/sessions");
    assert_eq!(sessions.expect_items().len(), 2);
    second.get("/auth/me").expect_status(200);
    let root = create_account(server, "root", Role::Admin);
    let ended = root.get("/audit?action=session.revoked");
    let details: Vec<&Value> = ended.expect_items().iter().map(|one| &one["detail"]).collect();
    assert_eq!(details, ["1 of more than 2 sessions"; 2]);
}

/// Several processes share the quotas, exactly so close to them.
fn servers_share_quotas(server: &TestServer) {
    let quotas = Quotas { tags: 20, ..few() };
    let [one, other] = [(); 2].map(|()| with_quotas(server, quotas));
    let ada = create_account(server, "ada", Role::User);
    let clients = [at(&one, &ada), at(&other, &ada)];
    let created: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let client = &clients[thread % 2];
                scope.spawn(move || {
                    let tag = |n: usize| json!({"name": format!("{thread} {n}")});
                    let statuses = (0..6).map(|n| client.post("/tags", &tag(n)).status);
                    statuses.filter(|status| *status == 201).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    // Each process may add a tenth of what was free when it counted: at most two.
    assert!((20..=22).contains(&created), "{created}");
    assert_eq!(server.get("/tags?limit=100").expect_items().len(), created);
}

both_servers!(
    owned_items_are_limited,
    administrators_have_no_quotas,
    creations_are_limited_for_a_day,
    writes_have_a_rate,
    refused_batch_counts_its_items,
    further_session_ends_the_oldest,
    servers_share_quotas,
);
