//! Tags, and the books that bear them.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::{Value, json};

use crate::support::assertions::{Told as _, each, items, members, moment, text, uid};
use crate::support::fixtures::{Library, NOBODY, add_book, add_tag, tag_book, tags};

fn a_tag_is_added_once(server: &TestServer) {
    let library = Library::on(server);
    let body = json!({"name": " Science Fiction "});
    library.anyone.post("/tags", &body).refused("unauthenticated");
    let answer = library.ada.post("/tags", &body);
    let tag = answer.gives(201);
    assert_eq!(members(tag), ["created_at", "name", "uid", "updated_at"]);
    assert_eq!(text(tag, "name"), "Science Fiction");
    let location = answer.header("location").unwrap();
    assert_eq!(location, format!("/api/v1/tags/{}", uid(tag)));
    assert_eq!(server.get(location).gives(200), tag);
    library.bob.post("/tags", &json!({"name": "SCIENCE fiction"})).refused("tag-exists");
    for name in [json!(""), json!("  "), json!(1), json!(null), json!("a\u{0}b")] {
        assert_eq!(library.ada.post("/tags", &json!({"name": name})).wrong(), ["/name"], "{name}");
    }
    assert_eq!(server.get("/tags").gives(200), &json!({"items": [tag]}));
}

fn any_member_renames_a_tag(server: &TestServer) {
    let library = Library::on(server);
    let tag = add_tag(&library.ada, "scifi");
    add_tag(&library.ada, "Classics");
    let book = add_book(&library.ada, "Dune");
    tag_book(&library.ada, &book, &["SciFi"]);
    let path = format!("/tags/{}", uid(&tag));
    let name = json!({"name": "Science Fiction"});
    library.anyone.put(&path, &name).refused("unauthenticated");
    library.bob.put(&format!("/tags/{NOBODY}"), &name).refused("not-found");
    library.bob.put(&path, &json!({"name": "CLASSICS"})).refused("tag-exists");
    assert_eq!(library.bob.put(&path, &json!({"name": ""})).wrong(), ["/name"]);
    let renamed = library.bob.put(&path, &name).gives(200).clone();
    assert_eq!(text(&renamed, "name"), "Science Fiction");
    assert!(moment(&renamed, "updated_at") > moment(&tag, "updated_at"));
    assert_eq!(server.get(&path).gives(200), &renamed);
    let shown = server.get(&format!("/books/{}/tags", uid(&book)));
    assert_eq!(shown.gives(200), &json!({"items": [renamed]}));
    // A tag may keep its own name, in another case.
    let again = library.ada.put(&path, &json!({"name": "science fiction"})).gives(200).clone();
    assert_eq!(text(&again, "name"), "science fiction");
    add_tag(&library.ada, "scifi");
}

fn an_administrator_deletes_a_tag(server: &TestServer) {
    let library = Library::on(server);
    let book = add_book(&library.ada, "Dune");
    let tagged = tag_book(&library.ada, &book, &["a", "b"]);
    let tag = tagged["tags"].as_array().unwrap().iter().find(|tag| tag["name"] == "a").unwrap();
    let path = format!("/tags/{}", uid(tag));
    library.anyone.delete(&path).refused("unauthenticated");
    library.ada.delete(&path).refused("forbidden");
    library.admin.delete(&path).gives(204);
    library.admin.delete(&path).refused("not-found");
    server.get(&path).refused("not-found");
    server.get(&format!("{path}/books")).refused("not-found");
    let left = server.get(&format!("/books/{}/tags", uid(&book)));
    assert_eq!(each(items(left.gives(200)), "name"), ["b"]);
}

fn names_of(book: &Value) -> Vec<&str> {
    let mut names = each(book["tags"].as_array().expect("the book has its tags"), "name");
    names.sort_unstable();
    names
}

fn post_adds_tags_and_put_sets_them(server: &TestServer) {
    let library = Library::on(server);
    let book = add_book(&library.ada, "Dune");
    let path = format!("/books/{}/tags", uid(&book));
    let body = tags(&["Desert", "Epic", "desert"]);
    library.anyone.post(&path, &body).refused("unauthenticated");
    library.bob.post(&path, &body).refused("forbidden");
    library.bob.put(&path, &json!({"tags": 1})).refused("forbidden");
    library.ada.post(&format!("/books/{NOBODY}/tags"), &body).refused("not-found");

    let changed = library.ada.post(&path, &body).gives(200).clone();
    assert_eq!(uid(&changed), uid(&book));
    assert_eq!(names_of(&changed), ["Desert", "Epic"]);
    let changed = library.ada.post(&path, &tags(&["EPIC", "Spice"])).gives(200).clone();
    assert_eq!(names_of(&changed), ["Desert", "Epic", "Spice"]);
    let changed = library.admin.put(&path, &tags(&["Spice", "Worms"])).gives(200).clone();
    assert_eq!(names_of(&changed), ["Spice", "Worms"]);
    assert_eq!(library.ada.post(&path, &tags(&[])).gives(200), &changed);
    let shown = server.get(&format!("{path}?sort=name"));
    assert_eq!(each(items(shown.gives(200)), "name"), ["Spice", "Worms"]);
    let changed = library.ada.put(&path, &tags(&[])).gives(200).clone();
    assert_eq!(changed["tags"], json!([]));
    // A tag that no book bears is a tag all the same, and is found again.
    let all = server.get("/tags?sort=name");
    assert_eq!(each(items(all.gives(200)), "name"), ["Desert", "Epic", "Spice", "Worms"]);

    let body = json!({"tags": [{"name": ""}, {"name": "a", "uid": 1}, "b", {}], "more": 1});
    assert_eq!(
        library.ada.post(&path, &body).wrong(),
        ["/more", "/tags/0/name", "/tags/1/uid", "/tags/2", "/tags/3/name"]
    );
    for body in [json!({"tags": null}), json!({"tags": {}}), json!({})] {
        assert_eq!(library.ada.put(&path, &body).wrong(), ["/tags"], "{body}");
    }
}

fn one_tag_goes_on_and_off_idempotently(server: &TestServer) {
    let library = Library::on(server);
    let book = add_book(&library.ada, "Dune");
    let tag = add_tag(&library.bob, "Desert");
    let path = format!("/books/{}/tags/{}", uid(&book), uid(&tag));
    let on = |client: &recto_testkit::server::Client<'_>| client.send("PUT", &path, &[], None);
    on(&library.anyone).refused("unauthenticated");
    on(&library.bob).refused("forbidden");
    let books = format!("/tags/{}/books", uid(&tag));
    for client in [&library.ada, &library.ada, &library.admin] {
        on(client).gives(204);
        assert_eq!(server.get(&books).gives(200), &json!({"items": [book]}));
    }
    library.anyone.delete(&path).refused("unauthenticated");
    library.bob.delete(&path).refused("forbidden");
    for client in [&library.ada, &library.admin, &library.ada] {
        client.delete(&path).gives(204);
        assert_eq!(server.get(&books).gives(200), &json!({"items": []}));
    }
    let nowhere = [
        format!("/books/{NOBODY}/tags/{}", uid(&tag)),
        format!("/books/{}/tags/{NOBODY}", uid(&book)),
        format!("/books/{}/tags/desert", uid(&book)),
        format!("/books/dune/tags/{}", uid(&tag)),
    ];
    for path in nowhere {
        library.ada.send("PUT", &path, &[], None).refused("not-found");
    }
    library.ada.delete(&format!("/books/{NOBODY}/tags/{}", uid(&tag))).refused("not-found");
}

both_servers!(
    a_tag_is_added_once,
    any_member_renames_a_tag,
    an_administrator_deletes_a_tag,
    post_adds_tags_and_put_sets_them,
    one_tag_goes_on_and_off_idempotently,
);
