//! Tags, and the books that bear them.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::{Value, json};

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, field_names, text, texts, timestamp, uid};
use crate::support::fixtures::{UNKNOWN_UID, add_book, add_tag, tag_book, tags_body};

fn a_tag_is_added_once(server: &TestServer) {
    let clients = Clients::create(server);
    let body = json!({"name": " Science Fiction "});
    clients.anonymous.post("/tags", &body).expect_problem("unauthenticated");
    let answer = clients.ada.post("/tags", &body);
    let tag = answer.expect_status(201);
    assert_eq!(field_names(tag), ["created_at", "name", "uid", "updated_at"]);
    assert_eq!(text(tag, "name"), "Science Fiction");
    let location = answer.header("location").unwrap();
    assert_eq!(location, format!("/api/v1/tags/{}", uid(tag)));
    assert_eq!(server.get(location).expect_status(200), tag);
    clients.bob.post("/tags", &json!({"name": "SCIENCE fiction"})).expect_problem("tag-exists");
    for name in [json!(""), json!("  "), json!(1), json!(null), json!("a\u{0}b")] {
        assert_eq!(
            clients.ada.post("/tags", &json!({"name": name})).violations(),
            ["/name"],
            "{name}"
        );
    }
    assert_eq!(server.get("/tags").expect_status(200), &json!({"items": [tag]}));
}

fn any_member_renames_a_tag(server: &TestServer) {
    let clients = Clients::create(server);
    let tag = add_tag(&clients.ada, "scifi");
    add_tag(&clients.ada, "Classics");
    let book = add_book(&clients.ada, "Dune");
    tag_book(&clients.ada, &book, &["SciFi"]);
    let path = format!("/tags/{}", uid(&tag));
    let name = json!({"name": "Science Fiction"});
    clients.anonymous.put(&path, &name).expect_problem("unauthenticated");
    clients.bob.put(&format!("/tags/{UNKNOWN_UID}"), &name).expect_problem("not-found");
    clients.bob.put(&path, &json!({"name": "CLASSICS"})).expect_problem("tag-exists");
    assert_eq!(clients.bob.put(&path, &json!({"name": ""})).violations(), ["/name"]);
    let renamed = clients.bob.put(&path, &name).expect_status(200).clone();
    assert_eq!(text(&renamed, "name"), "Science Fiction");
    assert!(timestamp(&renamed, "updated_at") > timestamp(&tag, "updated_at"));
    assert_eq!(server.get(&path).expect_status(200), &renamed);
    let shown = server.get(&format!("/books/{}/tags", uid(&book)));
    assert_eq!(shown.expect_status(200), &json!({"items": [renamed]}));
    // A tag may keep its own name, in another case.
    let again =
        clients.ada.put(&path, &json!({"name": "science fiction"})).expect_status(200).clone();
    assert_eq!(text(&again, "name"), "science fiction");
    add_tag(&clients.ada, "scifi");
}

fn an_administrator_deletes_a_tag(server: &TestServer) {
    let clients = Clients::create(server);
    let book = add_book(&clients.ada, "Dune");
    let tagged = tag_book(&clients.ada, &book, &["a", "b"]);
    let tag = tagged["tags"].as_array().unwrap().iter().find(|tag| tag["name"] == "a").unwrap();
    let path = format!("/tags/{}", uid(tag));
    clients.anonymous.delete(&path).expect_problem("unauthenticated");
    clients.ada.delete(&path).expect_problem("forbidden");
    clients.admin.delete(&path).expect_status(204);
    clients.admin.delete(&path).expect_problem("not-found");
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

fn post_adds_tags_and_put_sets_them(server: &TestServer) {
    let clients = Clients::create(server);
    let book = add_book(&clients.ada, "Dune");
    let path = format!("/books/{}/tags", uid(&book));
    let body = tags_body(&["Desert", "Epic", "desert"]);
    clients.anonymous.post(&path, &body).expect_problem("unauthenticated");
    clients.bob.post(&path, &body).expect_problem("forbidden");
    clients.bob.put(&path, &json!({"tags": 1})).expect_problem("forbidden");
    clients.ada.post(&format!("/books/{UNKNOWN_UID}/tags"), &body).expect_problem("not-found");

    let changed = clients.ada.post(&path, &body).expect_status(200).clone();
    assert_eq!(uid(&changed), uid(&book));
    assert_eq!(names_of(&changed), ["Desert", "Epic"]);
    let changed =
        clients.ada.post(&path, &tags_body(&["EPIC", "Spice"])).expect_status(200).clone();
    assert_eq!(names_of(&changed), ["Desert", "Epic", "Spice"]);
    let changed =
        clients.admin.put(&path, &tags_body(&["Spice", "Worms"])).expect_status(200).clone();
    assert_eq!(names_of(&changed), ["Spice", "Worms"]);
    assert_eq!(clients.ada.post(&path, &tags_body(&[])).expect_status(200), &changed);
    let shown = server.get(&format!("{path}?sort=name"));
    assert_eq!(texts(shown.expect_items(), "name"), ["Spice", "Worms"]);
    let changed = clients.ada.put(&path, &tags_body(&[])).expect_status(200).clone();
    assert_eq!(changed["tags"], json!([]));
    // A tag that no book bears is a tag all the same, and is found again.
    let all = server.get("/tags?sort=name");
    assert_eq!(texts(all.expect_items(), "name"), ["Desert", "Epic", "Spice", "Worms"]);

    let body = json!({"tags": [{"name": ""}, {"name": "a", "uid": 1}, "b", {}], "more": 1});
    assert_eq!(
        clients.ada.post(&path, &body).violations(),
        ["/more", "/tags/0/name", "/tags/1/uid", "/tags/2", "/tags/3/name"]
    );
    for body in [json!({"tags": null}), json!({"tags": {}}), json!({})] {
        assert_eq!(clients.ada.put(&path, &body).violations(), ["/tags"], "{body}");
    }
}

fn one_tag_goes_on_and_off_idempotently(server: &TestServer) {
    let clients = Clients::create(server);
    let book = add_book(&clients.ada, "Dune");
    let tag = add_tag(&clients.bob, "Desert");
    let path = format!("/books/{}/tags/{}", uid(&book), uid(&tag));
    let on = |client: &recto_testkit::server::Client<'_>| client.send("PUT", &path, &[], None);
    on(&clients.anonymous).expect_problem("unauthenticated");
    on(&clients.bob).expect_problem("forbidden");
    let books = format!("/tags/{}/books", uid(&tag));
    for client in [&clients.ada, &clients.ada, &clients.admin] {
        on(client).expect_status(204);
        assert_eq!(server.get(&books).expect_status(200), &json!({"items": [book]}));
    }
    clients.anonymous.delete(&path).expect_problem("unauthenticated");
    clients.bob.delete(&path).expect_problem("forbidden");
    for client in [&clients.ada, &clients.admin, &clients.ada] {
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
        clients.ada.send("PUT", &path, &[], None).expect_problem("not-found");
    }
    clients
        .ada
        .delete(&format!("/books/{UNKNOWN_UID}/tags/{}", uid(&tag)))
        .expect_problem("not-found");
}

both_servers!(
    a_tag_is_added_once,
    any_member_renames_a_tag,
    an_administrator_deletes_a_tag,
    post_adds_tags_and_put_sets_them,
    one_tag_goes_on_and_off_idempotently,
);
