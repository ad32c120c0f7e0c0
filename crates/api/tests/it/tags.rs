//! Tags, and the tags of books.

use recto_testkit::both_servers;
use recto_testkit::server::{TestClient, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, field_names, text, texts, timestamp, uid};
use crate::support::fixtures::{
    UNKNOWN_UID, add_book, add_tag, create, create_books_with_tag, tag_book, tags_body,
};

fn duplicate_tag_name_is_refused(server: &TestServer) {
    let Clients { ada, anonymous, bob, .. } = Clients::create(server);
    let body = json!({"name": " Science Fiction "});
    anonymous.post("/tags", &body).expect_problem("unauthenticated");
    let response = ada.post("/tags", &body);
    let tag = response.expect_status(201);
    assert_eq!(field_names(tag), ["created_at", "name", "uid", "updated_at"]);
    assert_eq!(text(tag, "name"), "Science Fiction");
    let location = response.header("location").unwrap();
    assert_eq!(location, format!("/api/v1/tags/{}", uid(tag)));
    assert_eq!(server.get(location).expect_status(200), tag);
    let again = bob.post("/tags", &json!({"name": "SCIENCE fiction"}));
    assert_eq!(text(again.expect_problem("tag-exists"), "existing"), location);
    for name in [json!(""), json!("  "), json!(1), json!(null), json!("a\u{0}b")] {
        assert_eq!(ada.post("/tags", &json!({"name": name})).violations(), ["/name"], "{name}");
    }
    assert_eq!(server.get("/tags").expect_status(200), &json!({"items": [tag]}));
}

fn creator_and_administrators_rename_tags(server: &TestServer) {
    let Clients { ada, admin, anonymous, bob } = Clients::create(server);
    let tag = add_tag(&ada, "scifi");
    let classics = add_tag(&ada, "Classics");
    let book = add_book(&ada, "Dune");
    tag_book(&ada, &book, &["SciFi"]);
    let path = format!("/tags/{}", uid(&tag));
    let name = json!({"name": "Science Fiction"});
    anonymous.put(&path, &name).expect_problem("unauthenticated");
    bob.put(&format!("/tags/{UNKNOWN_UID}"), &name).expect_problem("not-found");
    // Permission is checked before the body.
    bob.put(&path, &json!({"name": ""})).expect_problem("forbidden");
    let taken = ada.put(&path, &json!({"name": "CLASSICS"}));
    let existing = format!("/api/v1/tags/{}", uid(&classics));
    assert_eq!(text(taken.expect_problem("tag-exists"), "existing"), existing);
    assert_eq!(ada.put(&path, &json!({"name": ""})).violations(), ["/name"]);
    let renamed = ada.put(&path, &name).expect_status(200).clone();
    assert_eq!(text(&renamed, "name"), "Science Fiction");
    assert!(timestamp(&renamed, "updated_at") > timestamp(&tag, "updated_at"));
    assert_eq!(server.get(&path).expect_status(200), &renamed);
    let shown = server.get(&format!("/books/{}/tags", uid(&book)));
    assert_eq!(shown.expect_status(200), &json!({"items": [renamed]}));
    // The name may change in case only.
    let again = admin.put(&path, &json!({"name": "science fiction"})).expect_status(200).clone();
    assert_eq!(text(&again, "name"), "science fiction");
    add_tag(&ada, "scifi");
}

/// Tags that are named in books belong to the caller who named them first.
fn tags_of_books_have_creators(server: &TestServer) {
    let Clients { ada, admin, bob, .. } = Clients::create(server);
    let rename = |client: &TestClient<'_>, tag: &Value| {
        let path = format!("/tags/{}", uid(tag));
        client.put(&path, &json!({"name": format!("{} again", text(tag, "name"))}))
    };
    let body = json!({"title": "Emma", "author": "Jane Austen", "tags": [{"name": "Novel"}]});
    let book = create(&ada, "/books", &body);
    rename(&bob, &book["tags"][0]).expect_problem("forbidden");
    rename(&ada, &book["tags"][0]).expect_status(200);
    // An administrator tags another's book.
    let tagged = tag_book(&admin, &book, &["Classic"]);
    let tags = tagged["tags"].as_array().unwrap();
    let tag = tags.iter().find(|tag| tag["name"] == "Classic").unwrap().clone();
    rename(&ada, &tag).expect_problem("forbidden");
    rename(&admin, &tag).expect_status(200);
    // Imported tags, and those of a deleted user, belong to nobody.
    let (imported, _) = create_books_with_tag(server, "imported", 1);
    let imported = server.get(&format!("/tags/{imported}")).expect_status(200).clone();
    rename(&ada, &imported).expect_problem("forbidden");
    rename(&admin, &imported).expect_status(200);
    let hers = add_tag(&bob, "Bob's");
    admin.delete(&format!("/users/{}", bob.uid)).expect_status(204);
    rename(&ada, &hers).expect_problem("forbidden");
    rename(&admin, &hers).expect_status(200);
}

/// Imported names may have invisible characters, which new ones must not have.
fn imported_names_stay_valid(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let (tag, books) = create_books_with_tag(server, "می\u{200c}خواهم", 1);
    let shown = server.get(&format!("/tags/{tag}")).expect_status(200).clone();
    assert_eq!(text(&shown, "name"), "می\u{200c}خواهم");
    let found = server.get("/books?tag=%D9%85%DB%8C%E2%80%8C%D8%AE%D9%88%D8%A7%D9%87%D9%85");
    assert_eq!(texts(found.expect_items(), "uid"), [books[0].to_string()]);
    let book = add_book(&ada, "Emma");
    let path = format!("/books/{}/tags", uid(&book));
    ada.send("PUT", &format!("{path}/{tag}"), &[], None).expect_status(204);
    let again = ada.post(&path, &tags_body(&["می\u{200c}خواهم"]));
    assert_eq!(again.violations(), ["/tags/0/name"]);
}

fn only_administrators_delete_tags(server: &TestServer) {
    let Clients { ada, admin, anonymous, .. } = Clients::create(server);
    let book = add_book(&ada, "Dune");
    let tagged = tag_book(&ada, &book, &["a", "b"]);
    let tag = tagged["tags"].as_array().unwrap().iter().find(|tag| tag["name"] == "a").unwrap();
    let path = format!("/tags/{}", uid(tag));
    anonymous.delete(&path).expect_problem("unauthenticated");
    ada.delete(&path).expect_problem("forbidden");
    admin.delete(&path).expect_status(204);
    admin.delete(&path).expect_problem("not-found");
    server.get(&path).expect_problem("not-found");
    server.get(&format!("{path}/books")).expect_problem("not-found");
    let left = server.get(&format!("/books/{}/tags", uid(&book)));
    assert_eq!(texts(left.expect_items(), "name"), ["b"]);
}

fn names_of(book: &Value) -> Vec<&str> {
    let mut names = texts(book["tags"].as_array().expect("the book has its tags"), "name");
    names.sort_unstable();
    names
}

fn post_adds_and_put_replaces_tags(server: &TestServer) {
    let Clients { ada, admin, anonymous, bob } = Clients::create(server);
    let book = add_book(&ada, "Dune");
    let path = format!("/books/{}/tags", uid(&book));
    let body = tags_body(&["Desert", "Epic", "desert"]);
    anonymous.post(&path, &body).expect_problem("unauthenticated");
    bob.post(&path, &body).expect_problem("forbidden");
    bob.put(&path, &json!({"tags": 1})).expect_problem("forbidden");
    ada.post(&format!("/books/{UNKNOWN_UID}/tags"), &body).expect_problem("not-found");

    let changed = ada.post(&path, &body).expect_status(200).clone();
    assert_eq!(uid(&changed), uid(&book));
    assert_eq!(names_of(&changed), ["Desert", "Epic"]);
    let changed = ada.post(&path, &tags_body(&["EPIC", "Spice"])).expect_status(200).clone();
    assert_eq!(names_of(&changed), ["Desert", "Epic", "Spice"]);
    let changed = admin.put(&path, &tags_body(&["Spice", "Worms"])).expect_status(200).clone();
    assert_eq!(names_of(&changed), ["Spice", "Worms"]);
    assert_eq!(ada.post(&path, &tags_body(&[])).expect_status(200), &changed);
    let shown = server.get(&format!("{path}?sort=name"));
    assert_eq!(texts(shown.expect_items(), "name"), ["Spice", "Worms"]);
    let changed = ada.put(&path, &tags_body(&[])).expect_status(200).clone();
    assert_eq!(changed["tags"], json!([]));
    // Tags remain when no book has them, and are found again by name.
    let all = server.get("/tags?sort=name");
    assert_eq!(texts(all.expect_items(), "name"), ["Desert", "Epic", "Spice", "Worms"]);

    let body = json!({"tags": [{"name": ""}, {"name": "a", "uid": 1}, "b", {}], "more": 1});
    assert_eq!(
        ada.post(&path, &body).violations(),
        ["/more", "/tags/0/name", "/tags/1/uid", "/tags/2", "/tags/3/name"]
    );
    for body in [json!({"tags": null}), json!({"tags": {}}), json!({})] {
        assert_eq!(ada.put(&path, &body).violations(), ["/tags"], "{body}");
    }
}

fn adding_and_removing_tag_is_idempotent(server: &TestServer) {
    let Clients { ada, admin, anonymous, bob } = Clients::create(server);
    let book = add_book(&ada, "Dune");
    let tag = add_tag(&bob, "Desert");
    let path = format!("/books/{}/tags/{}", uid(&book), uid(&tag));
    let on = |client: &recto_testkit::server::TestClient<'_>| client.send("PUT", &path, &[], None);
    on(&anonymous).expect_problem("unauthenticated");
    on(&bob).expect_problem("forbidden");
    let books = format!("/tags/{}/books", uid(&tag));
    for client in [&ada, &ada, &admin] {
        on(client).expect_status(204);
        assert_eq!(server.get(&books).expect_status(200), &json!({"items": [book]}));
    }
    anonymous.delete(&path).expect_problem("unauthenticated");
    bob.delete(&path).expect_problem("forbidden");
    for client in [&ada, &admin, &ada] {
        client.delete(&path).expect_status(204);
        assert_eq!(server.get(&books).expect_status(200), &json!({"items": []}));
    }
    let nowhere = [
        format!("/books/{UNKNOWN_UID}/tags/{}", uid(&tag)),
        format!("/books/{}/tags/{UNKNOWN_UID}", uid(&book)),
        format!("/books/{}/tags/desert", uid(&book)),
        format!("/books/dune/tags/{}", uid(&tag)),
    ];
    for path in nowhere {
        ada.send("PUT", &path, &[], None).expect_problem("not-found");
    }
    ada.delete(&format!("/books/{UNKNOWN_UID}/tags/{}", uid(&tag))).expect_problem("not-found");
}

both_servers!(
    duplicate_tag_name_is_refused,
    creator_and_administrators_rename_tags,
    tags_of_books_have_creators,
    imported_names_stay_valid,
    only_administrators_delete_tags,
    post_adds_and_put_replaces_tags,
    adding_and_removing_tag_is_idempotent,
);
