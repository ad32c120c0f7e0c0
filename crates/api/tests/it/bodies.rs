//! Bodies that are not what they should be.

use recto_testkit::both_servers;
use recto_testkit::server::{Answer, Client, TestServer};
use serde_json::json;

use crate::support::assertions::{Told as _, assert_sound, items, text, uid};
use crate::support::fixtures::{Library, add_book, add_review, add_tag};
use crate::support::samples::Rooms;

/// Where a body is taken: method, path, and who may send it.
pub(crate) fn takers<'l, 's>(
    library: &'l Library<'s>,
) -> Vec<(&'static str, String, &'l Client<'s>)> {
    let book = add_book(&library.ada, "Emma");
    let review = add_review(&library.ada, &book, 4);
    let tag = add_tag(&library.ada, "Classics");
    let (book, review, tag) = (uid(&book), uid(&review), uid(&tag));
    let rooms = Rooms::filled(&library.ada);
    let mut takers = vec![
        ("POST", "/auth/signup".to_owned(), &library.anyone),
        ("POST", "/auth/login".to_owned(), &library.anyone),
        ("PATCH", format!("/users/{}", library.ada.uid), &library.ada),
        ("PUT", format!("/users/{}/role", library.bob.uid), &library.admin),
        ("POST", "/books".to_owned(), &library.ada),
        ("PATCH", format!("/books/{book}"), &library.ada),
        ("POST", format!("/books/{book}/reviews"), &library.bob),
        ("POST", format!("/books/{book}/tags"), &library.ada),
        ("PUT", format!("/books/{book}/tags"), &library.ada),
        ("PATCH", format!("/reviews/{review}"), &library.ada),
        ("POST", "/books/batch".to_owned(), &library.ada),
        ("POST", "/tags".to_owned(), &library.ada),
        ("PUT", format!("/tags/{tag}"), &library.ada),
        ("POST", format!("/blog/posts/{}/comments", rooms.post), &library.bob),
        ("PATCH", format!("/blog/comments/{}", rooms.comment), &library.bob),
    ];
    for (collection, key) in rooms.collections() {
        takers.push(("POST", collection.to_owned(), &library.ada));
        takers.push(("PATCH", format!("{collection}/{key}"), &library.bob));
    }
    takers
}

fn send(client: &Client<'_>, method: &str, path: &str, body: &[u8]) -> Answer {
    client.send(method, path, &[("content-type", "application/json")], Some(body))
}

fn what_is_not_json_is_refused(server: &TestServer) {
    let library = Library::on(server);
    let deep = |open: &str, close: &str| {
        [open.repeat(10_000), "1".to_owned(), close.repeat(10_000)].concat().into_bytes()
    };
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"nonsense".to_vec(),
        b"{".to_vec(),
        b"{\"title\": \"a\",}".to_vec(),
        b"{'title': 'a'}".to_vec(),
        b"{} {}".to_vec(),
        b"\xff\xfe".to_vec(),
        b"{\"title\": \"\xc3\x28\"}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"{\"title\": \"\x00\"}".to_vec(),
        b"{\"title\": NaN}".to_vec(),
        br#"{"title": "\ud800"}"#.to_vec(),
        br#"{"title": "\udc00\ud800"}"#.to_vec(),
        deep("[", "]"),
        deep("{\"a\":", "}"),
        b"[".repeat(10_000),
    ];
    for (method, path, client) in takers(&library) {
        for body in &bodies {
            send(client, method, &path, body).refused("malformed-json");
        }
    }
    assert_sound(server);
}

fn what_is_not_an_object_is_wrong_as_a_whole(server: &TestServer) {
    let library = Library::on(server);
    for (method, path, client) in takers(&library) {
        for body in ["null", "[]", "1", "\"text\"", "true", "[{}]"] {
            assert_eq!(send(client, method, &path, body.as_bytes()).wrong(), [""], "{path} {body}");
        }
    }
}

fn unknown_members_are_pointed_at(server: &TestServer) {
    let library = Library::on(server);
    for (method, path, client) in takers(&library) {
        let body = r#"{"nonsense": 1, "a/b~c": null, "": {}}"#;
        let answer = send(client, method, &path, body.as_bytes());
        let wrong = answer.wrong();
        for pointer in ["/nonsense", "/a~1b~0c", "/"] {
            assert!(wrong.contains(&pointer), "{method} {path}: {wrong:?}");
        }
    }
    // A body of nothing but unknown members is not answered with more than it brought.
    let members: Vec<_> = (0..50_000).map(|n| format!("\"m{n}\":1")).collect();
    let body = format!("{{{}}}", members.join(","));
    let answer = send(&library.ada, "POST", "/books", body.as_bytes());
    answer.refused("invalid-body");
    assert!(answer.body.len() < body.len(), "{} bytes", answer.body.len());
}

fn a_body_needs_its_media_type(server: &TestServer) {
    let library = Library::on(server);
    for (method, path, client) in takers(&library) {
        for media_type in ["text/plain", "application/xml", "application/jsonx", "*/*", "json", ""]
        {
            let headers = [("content-type", media_type)];
            client.send(method, &path, &headers, Some(b"{}")).refused("unsupported-media-type");
        }
        client.send(method, &path, &[], Some(b"{}")).refused("unsupported-media-type");
        client.send(method, &path, &[], None).refused("unsupported-media-type");
        // A merge patch is for PATCH.
        let headers = [("content-type", "application/merge-patch+json")];
        let answer = client.send(method, &path, &headers, Some(b"[]"));
        match method {
            "PATCH" => assert_eq!(answer.wrong(), [""]),
            _ => _ = answer.refused("unsupported-media-type"),
        }
    }
}

fn a_body_has_a_mebibyte_at_the_most(server: &TestServer) {
    let library = Library::on(server);
    let title = format!(r#"{{"title":"{}","author":"x"}}"#, "x".repeat(10_000_000));
    let answer = send(&library.ada, "POST", "/books", title.as_bytes());
    answer.refused("too-large");
    // As many bytes as there may be are read, and judged for what they are.
    let mut body = br#"{"title":"Emma","author":"Jane Austen"}"#.to_vec();
    body.resize(1 << 20, b' ');
    send(&library.ada, "POST", "/books", &body).gives(201);
    body.push(b' ');
    for (method, path, client) in takers(&library) {
        send(client, method, &path, &body).refused("too-large");
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = vec![b'a'; 3 << 20];
    library.anyone.send("POST", "/auth/token", &form, Some(&body)).refused("too-large");

    // A refusal that needs no look at the body can be read all the same.
    let large = title.as_bytes();
    send(&library.anyone, "POST", "/books", large).refused("unauthenticated");
    send(&library.ada, "POST", "/nowhere", large).refused("not-found");
    send(&library.ada, "POST", "/books?nonsense=1", large).refused("invalid-parameter");
    send(&library.ada, "DELETE", "/books", large).refused("method-not-allowed");
    library.ada.send("POST", "/books", &[], Some(large)).refused("unsupported-media-type");
    assert_sound(server);
}

fn a_large_body_without_a_length_is_refused_too(server: &TestServer) {
    let library = Library::on(server);
    let token = library.ada.token.as_deref().unwrap();
    let mut request = format!(
        "POST /api/v1/books HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    let chunk = vec![b'1'; 1 << 16];
    for _ in 0..20 {
        request.extend_from_slice(b"10000\r\n");
        request.extend_from_slice(&chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    crate::support::raw_http::raw(server, &request).unwrap().refused("too-large");
}

fn texts_have_no_controls_and_an_end(server: &TestServer) {
    let library = Library::on(server);
    let book = add_book(&library.ada, "Emma");
    for title in ["a\u{0}b", "\u{0}", "a\nb", "a\u{7f}b", "a\u{85}b", "  ", "", &"x".repeat(501)] {
        let body = json!({"title": title, "author": "x"});
        assert_eq!(library.ada.post("/books", &body).wrong(), ["/title"], "{title:?}");
    }
    let reviews = format!("/books/{}/reviews", uid(&book));
    for review_text in ["a\u{0}", "\u{1b}[2J", &"é".repeat(20_001)] {
        let body = json!({"rating": 3, "review_text": review_text});
        assert_eq!(library.bob.post(&reviews, &body).wrong(), ["/review_text"], "{review_text:.9}");
    }
    let longest = "é".repeat(20_000);
    let body = json!({"rating": 3, "review_text": longest});
    assert_eq!(library.bob.post(&reviews, &body).gives(201)["review_text"], longest);
    let path = format!("/books/{}", uid(&book));
    for name in ["a\u{0}", &"x".repeat(101)] {
        assert_eq!(library.ada.post("/tags", &json!({"name": name})).wrong(), ["/name"]);
        let body = json!({"tags": [{"name": "fine"}, {"name": name}]});
        let answer = library.ada.post(&format!("{path}/tags"), &body);
        assert_eq!(answer.wrong(), ["/tags/1/name"]);
    }
    let many: Vec<_> = (0..101).map(|n| json!({"name": n.to_string()})).collect();
    assert_eq!(
        library.ada.post(&format!("{path}/tags"), &json!({"tags": many})).wrong(),
        ["/tags"]
    );
    assert_eq!(items(server.get("/tags").gives(200)).len(), 0);

    // What is odd but text comes back as it went in, in NFC.
    for title in
        ["💥", "\u{202e}evil", "<script>alert(1)</script>", "'; DROP TABLE books; --", "%s\\"]
    {
        let body = json!({"title": title, "author": "x"});
        let book = library.ada.post("/books", &body).gives(201).clone();
        assert_eq!(text(&book, "title"), title);
        assert_eq!(server.get(&format!("/books/{}", uid(&book))).gives(200), &book);
    }
    let body = json!({"title": "E\u{301}mile", "author": "x"});
    assert_eq!(library.ada.post("/books", &body).gives(201)["title"], "Émile");
    assert_sound(server);
}

both_servers!(
    what_is_not_json_is_refused,
    what_is_not_an_object_is_wrong_as_a_whole,
    unknown_members_are_pointed_at,
    a_body_needs_its_media_type,
    a_body_has_a_mebibyte_at_the_most,
    a_large_body_without_a_length_is_refused_too,
    texts_have_no_controls_and_an_end,
);
