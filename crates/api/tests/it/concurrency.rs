//! Concurrent requests: documented responses, and a consistent database.

use std::collections::BTreeMap;

use recto_domain::{Author, AuthorName, Clock as _, Role, Tag, TagName, User, UserId};
use recto_persistence::identity::account;
use recto_persistence::{Error, Lock, Recto, SystemIds, Writable};
use recto_testkit::both_servers;
use recto_testkit::database::Engine;
use recto_testkit::server::{PASSWORD, Response, TestClient, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::{Clients, TestAccount, create_account};
use crate::support::assertions::{Expect as _, all_items, assert_healthy, texts, uid};
use crate::support::fixtures::{add_book, add_tag, tags_body};
use crate::support::parallel::{Requests, count_statuses, send_at_once, wait_until_blocked};
use crate::support::samples::collection_path;

fn count(server: &TestServer, table: &str) -> u64 {
    let line = match server.database().engine() {
        Engine::Sqlite => "json_array(count(*))",
        Engine::Postgres => "json_build_array(count(*))::text",
    };
    let rows = server.database().rows(&format!("SELECT {line} AS line FROM {table}"));
    rows[0][0].as_u64().unwrap()
}

fn concurrent_reviews_create_one(server: &TestServer) {
    let Clients { ada, bob, .. } = Clients::create(server);
    for round in 0..3 {
        let book = add_book(&ada, &format!("Volume {round}"));
        let path = format!("/books/{}/reviews", uid(&book));
        let body = json!({"rating": 3, "review_text": "Again!"});
        let requests = (0..16).map(|_| || bob.post(&path, &body)).collect();
        let responses = send_at_once(requests);
        assert_eq!(count_statuses(&responses), BTreeMap::from([(201, 1), (409, 15)]));
        let page = server.get(&path);
        let [review] = page.expect_items() else { panic!("{}", page.text()) };
        let existing = format!("/api/v1/reviews/{}", uid(review));
        for refused in responses.iter().filter(|response| response.status == 409) {
            assert_eq!(refused.json["existing"], existing);
        }
    }
    assert_healthy(server);
}

fn concurrent_tagging_creates_one_tag(server: &TestServer) {
    let Clients { ada, bob, .. } = Clients::create(server);
    let book = add_book(&ada, "Dune");
    let path = format!("/books/{}/tags", uid(&book));
    let spellings = ["Desert", "desert", "DESERT", "deserT"];
    let requests = (0..50)
        .map(|n| {
            let (path, client) = (&path, &ada);
            move || client.post(path, &tags_body(&[spellings[n % 4]]))
        })
        .collect();
    assert_eq!(count_statuses(&send_at_once(requests)), BTreeMap::from([(200, 50)]));
    let tag = server.get("/tags").expect_items().to_vec();
    assert_eq!(tag.len(), 1);
    assert_eq!(server.get(&path).expect_items(), tag);
    assert_eq!((count(server, "book_tags"), count(server, "tags")), (1, 1));

    // The same by key, and for the tag itself.
    let one = format!("{path}/{}", uid(&tag[0]));
    ada.delete(&one).expect_status(204);
    let requests = (0..50).map(|_| || ada.send("PUT", &one, &[], None)).collect();
    assert_eq!(count_statuses(&send_at_once(requests)), BTreeMap::from([(204, 50)]));
    assert_eq!(count(server, "book_tags"), 1);
    let body = json!({"name": "Spice"});
    let requests = (0..50).map(|_| || bob.post("/tags", &body)).collect();
    assert_eq!(count_statuses(&send_at_once(requests)), BTreeMap::from([(201, 1), (409, 49)]));
    assert_healthy(server);
}

/// Asserts that the 409 to a request names the entity to which another transaction has meanwhile
/// given the same name.
#[track_caller]
fn assert_names_existing<E: Writable<Recto>>(
    server: &TestServer,
    renamed: &E,
    request: impl FnOnce() -> Response + Send,
) {
    let mut conn = server.database().connection();
    let response = std::thread::scope(|scope| {
        let request = conn.transaction(|conn| {
            conn.update(renamed)?;
            let request = scope.spawn(request);
            wait_until_blocked(server.database(), &request);
            Ok::<_, Error>(request)
        });
        request.unwrap().join().unwrap()
    });
    assert_eq!(response.status, 409, "{}", response.text());
    let collection = collection_path(E::INFO.name);
    assert_eq!(response.json["existing"], format!("/api/v1{collection}/{}", renamed.key()));
}

fn concurrent_renames_name_the_existing(server: &TestServer) {
    let Clients { ada, admin, .. } = Clients::create(server);
    let [tag, other_tag] = ["Sea", "Sand"].map(|name| add_tag(&ada, name));
    for author in ["Currer Bell", "Ellis Bell"] {
        ada.post("/books", &json!({"title": "Poems", "author": author})).expect_status(201);
    }
    let authors = admin.get("/authors?sort=name");
    let [author, other_author] = authors.expect_items() else { panic!("{}", authors.text()) };
    let conn = &mut server.database().connection();
    let mut tag = conn.lock::<Tag>(uid(&tag).parse().unwrap(), Lock::Update).unwrap().unwrap();
    tag.name = TagName::parse("Dune").unwrap();
    assert_names_existing(server, &tag, || {
        ada.put(&format!("/tags/{}", uid(&other_tag)), &json!({"name": "DUNE"}))
    });
    let author = conn.lock::<Author>(uid(author).parse().unwrap(), Lock::Update).unwrap();
    let mut author = author.unwrap();
    author.name = AuthorName::parse("Emily Brontë").unwrap();
    assert_names_existing(server, &author, || {
        let path = format!("/authors/{}", uid(other_author));
        admin.patch(&path, &json!({"name": "EMILY BRONTË"}))
    });
    assert_healthy(server);
}

/// An administrator locks the user, and then the account.
fn account_changes_lock_the_user_first(server: &TestServer) {
    let account = TestAccount::create(server, &server.database().open(), Role::User);
    let user: UserId = account.client.uid.parse().unwrap();
    let confirmation = json!({"token": account.email_token.expose()});
    let mut conn = server.database().connection();
    let response = std::thread::scope(|scope| {
        let request = conn.transaction(|conn| {
            conn.lock::<User>(user, Lock::NoKeyUpdate)?.unwrap();
            let confirm = || server.anonymous().post("/auth/email-confirm", &confirmation);
            let request = scope.spawn(confirm);
            wait_until_blocked(server.database(), &request);
            account::set_disabled(conn, user, true, SystemIds.now())?;
            Ok::<_, Error>(request)
        });
        request.unwrap().join().unwrap()
    });
    response.expect_problem("not-found");
    assert_healthy(server);
}

fn tagging_in_any_order_never_deadlocks(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let names: Vec<String> = (0..12).map(|n| format!("tag {n}")).collect();
    let books: Vec<Value> = (0..12).map(|n| add_book(&ada, &format!("Volume {n}"))).collect();
    let requests = books
        .iter()
        .enumerate()
        .map(|(turn, book)| {
            let (names, client) = (&names, &ada);
            move || {
                // Each request starts at another name: locks in that order would deadlock.
                let mut turned: Vec<&str> = names.iter().map(String::as_str).collect();
                turned.rotate_left(turn);
                client.put(&format!("/books/{}/tags", uid(book)), &tags_body(&turned))
            }
        })
        .collect();
    assert_eq!(count_statuses(&send_at_once(requests)), BTreeMap::from([(200, 12)]));
    assert_eq!(count(server, "tags"), 12);
    assert_eq!(count(server, "book_tags"), 144);
    assert_healthy(server);
}

fn book_deletion_races_with_writes(server: &TestServer) {
    let Clients { ada, admin, anonymous, .. } = Clients::create(server);
    let readers: Vec<TestClient<'_>> =
        (0..12).map(|n| create_account(server, &format!("reader{n}"), Role::User)).collect();
    let tag = add_tag(&ada, "Doomed");
    for round in 0..4 {
        let book = add_book(&ada, &format!("Volume {round}"));
        let path = format!("/books/{}", uid(&book));
        let one = format!("{path}/tags/{}", uid(&tag));
        let mut requests: Requests<'_> = Vec::new();
        for reader in &readers {
            let path = format!("{path}/reviews");
            let body = json!({"rating": 1, "review_text": ""});
            requests.push(Box::new(move || reader.post(&path, &body)));
        }
        requests.push(Box::new(|| ada.delete(&path)));
        requests.push(Box::new(|| admin.delete(&path)));
        requests.push(Box::new(|| ada.patch(&path, &json!({"title": "Changed"}))));
        requests.push(Box::new(|| ada.post(&format!("{path}/tags"), &tags_body(&["New"]))));
        requests.push(Box::new(|| admin.send("PUT", &one, &[], None)));
        requests.push(Box::new(|| anonymous.get(&format!("{path}?include=reviews.user"))));
        let responses = send_at_once(requests);
        let (reviews, others) = responses.split_at(readers.len());
        for status in count_statuses(reviews).keys() {
            assert!([201, 404].contains(status), "{status}");
        }
        assert_eq!(count_statuses(&others[..2]), BTreeMap::from([(204, 1), (404, 1)]));
        for status in count_statuses(&others[2..]).keys() {
            assert!([200, 204, 404].contains(status), "{status}");
        }
        anonymous.get(&path).expect_problem("not-found");
    }
    assert_eq!((count(server, "reviews"), count(server, "book_tags")), (0, 0));
    assert_eq!(all_items(&admin, "/reviews").len(), 0);
    assert_healthy(server);
}

fn tag_deletion_races_with_tagging(server: &TestServer) {
    let Clients { ada, admin, anonymous, .. } = Clients::create(server);
    for round in 0..4 {
        let book = add_book(&ada, &format!("Volume {round}"));
        let tag = add_tag(&ada, "Doomed");
        let path = format!("/tags/{}", uid(&tag));
        let by_key = format!("/books/{}/tags/{}", uid(&book), uid(&tag));
        let by_name = format!("/books/{}/tags", uid(&book));
        let mut requests: Requests<'_> = Vec::new();
        for _ in 0..6 {
            requests.push(Box::new(|| ada.send("PUT", &by_key, &[], None)));
            requests.push(Box::new(|| ada.post(&by_name, &tags_body(&["Doomed"]))));
            requests.push(Box::new(|| ada.put(&path, &json!({"name": "doomed"}))));
        }
        requests.push(Box::new(|| admin.delete(&path)));
        for status in count_statuses(&send_at_once(requests)).keys() {
            // After the deletion, tagging may create another tag of that name.
            assert!([200, 204, 404].contains(status), "{status}");
        }
        anonymous.get(&path).expect_problem("not-found");
        let left = all_items(&anonymous, &by_name);
        assert!(left.len() <= 1, "{left:?}");
        let all = all_items(&anonymous, "/tags");
        assert!(left.iter().all(|tag| all.contains(tag)));
        for tag in all {
            admin.delete(&format!("/tags/{}", uid(&tag))).expect_status(204);
        }
    }
    assert_eq!((count(server, "tags"), count(server, "book_tags")), (0, 0));
    assert_healthy(server);
}

fn user_deletion_races_with_its_writes(server: &TestServer) {
    let Clients { admin, anonymous, bob, .. } = Clients::create(server);
    let book = add_book(&bob, "Dune");
    for round in 0..3 {
        let writer = create_account(server, &format!("writer{round}"), Role::User);
        let review = format!("/books/{}/reviews", uid(&book));
        let path = format!("/users/{}", writer.uid);
        let body = json!({"title": "Ghosts", "author": "Henrik Ibsen"});
        let mut requests: Requests<'_> = Vec::new();
        for _ in 0..5 {
            requests.push(Box::new(|| writer.post("/books", &body)));
            requests.push(Box::new(|| writer.patch(&path, &json!({"first_name": "Gone"}))));
        }
        requests.push(Box::new(|| writer.post(&review, &json!({"rating": 5, "review_text": ""}))));
        requests.push(Box::new(|| admin.delete(&path)));
        let responses = send_at_once(requests);
        for status in count_statuses(&responses).keys() {
            assert!([200, 201, 204, 401, 404].contains(status), "{status}");
        }
        // A deleted user is unauthenticated; only the profile itself can be missing.
        for response in responses.iter().filter(|response| response.status == 404) {
            assert!(response.json["instance"].as_str().unwrap().ends_with(&path), "{response:?}");
        }
        anonymous.get(&path).expect_problem("not-found");
    }
    for book in all_items(&anonymous, "/books?include=user,reviews.user") {
        assert_eq!(book["user_uid"].is_null(), book["user"].is_null());
        assert_eq!(book["title"] == "Ghosts", book["user"].is_null());
    }
    assert_healthy(server);
}

fn concurrent_sign_ups_create_one_account(server: &TestServer) {
    let sign_up = |n: usize| {
        let body = json!({
            "username": (["ada", "Ada"][n % 2]), "email": format!("ada{n}@example.org"),
            "password": PASSWORD,
        });
        move || server.anonymous().post("/auth/signup", &body)
    };
    let responses = send_at_once((0..8).map(sign_up).collect());
    assert_eq!(count_statuses(&responses), BTreeMap::from([(201, 1), (409, 7)]));
    assert_eq!((count(server, "users"), count(server, "accounts")), (1, 1));
    assert_healthy(server);
}

fn reads_see_only_committed_writes(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let titles: Vec<String> = (0..40).map(|n| format!("Volume {n:02}")).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for title in &titles {
                let book = add_book(&ada, title);
                let path = format!("/books/{}/tags", uid(&book));
                ada.post(&path, &tags_body(&["one", "two"])).expect_status(200);
            }
        });
        for _ in 0..20 {
            let walked = all_items(&anonymous, "/books?sort=title&limit=7&include=tags,user");
            let seen = texts(&walked, "title");
            assert!(seen.is_sorted(), "{seen:?}");
            for book in &walked {
                let tags = book["tags"].as_array().unwrap().len();
                // Both tags are added in one transaction.
                assert!([0, 2].contains(&tags), "{book}");
            }
        }
    });
    assert_eq!(all_items(&anonymous, "/books").len(), 40);
    assert_healthy(server);
}

both_servers!(
    concurrent_reviews_create_one,
    concurrent_tagging_creates_one_tag,
    concurrent_renames_name_the_existing,
    account_changes_lock_the_user_first,
    tagging_in_any_order_never_deadlocks,
    book_deletion_races_with_writes,
    tag_deletion_races_with_tagging,
    user_deletion_races_with_its_writes,
    concurrent_sign_ups_create_one_account,
    reads_see_only_committed_writes,
);
