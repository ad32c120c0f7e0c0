//! Posts and the comments under them.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::json;

use crate::support::assertions::{Told as _, array, each, items, members, text, walk};
use crate::support::fixtures::Library;
use crate::support::samples::{add, id};

fn a_comment_is_made_under_its_post(server: &TestServer) {
    let library = Library::on(server);
    let post = add(&library.ada, "/blog/posts", &json!({"title": "Zero", "content": "a\n\nb"}));
    assert_eq!(post["content"], "a\n\nb");
    let path = format!("/blog/posts/{}/comments", id(&post));
    let body = json!({"text": "So."});
    library.anyone.post(&path, &body).refused("unauthenticated");
    library.bob.post("/blog/posts/99/comments", &body).refused("not-found");
    library.bob.post("/blog/posts/99/comments", &json!({})).refused("not-found");
    for wrong in [json!({}), json!({"text": ""}), json!({"text": 1}), json!({"text": null})] {
        assert_eq!(library.bob.post(&path, &wrong).wrong(), ["/text"], "{wrong}");
    }
    // The path says which post.
    let elsewhere = json!({"text": "So.", "post_id": 1});
    assert_eq!(library.bob.post(&path, &elsewhere).wrong(), ["/post_id"]);

    let answer = library.bob.post(&path, &body);
    let comment = answer.gives(201).clone();
    assert_eq!(members(&comment), ["created_at", "id", "post_id", "text", "updated_at"]);
    assert_eq!(comment["post_id"], post["id"]);
    let at = format!("/blog/comments/{}", id(&comment));
    assert_eq!(answer.header("location"), Some(format!("/api/v1{at}").as_str()));
    assert_eq!(server.get(&at).gives(200), &comment);
    assert_eq!(server.get(&format!("{at}/post")).gives(200), &post);
    assert_eq!(server.get(&path).gives(200), &json!({"items": [comment]}));
    // There is no list of all comments, and none is made without a post.
    server.get("/blog/comments").refused("not-found");
    library.ada.post("/blog/comments", &body).refused("not-found");

    // Nobody owns it.
    library.anyone.patch(&at, &json!({"text": "x"})).refused("unauthenticated");
    let changed = library.ada.patch(&at, &json!({"text": "Other"})).gives(200).clone();
    assert_eq!((text(&changed, "text"), &changed["post_id"]), ("Other", &post["id"]));
    assert_eq!(library.ada.patch(&at, &json!({"post_id": 2})).wrong(), ["/post_id"]);
    assert_eq!(library.ada.patch(&at, &json!({"text": null})).wrong(), ["/text"]);
    library.anyone.delete(&at).refused("unauthenticated");
    library.bob.delete(&at).refused("forbidden");
    library.admin.delete(&at).gives(204);
    library.admin.delete(&at).refused("not-found");
    server.get(&format!("{at}/post")).refused("not-found");
    assert_eq!(server.get(&path).gives(200), &json!({"items": []}));
}

fn comments_go_with_their_post(server: &TestServer) {
    let library = Library::on(server);
    let post = add(&library.ada, "/blog/posts", &json!({"title": "Zero", "content": "a"}));
    let other = add(&library.ada, "/blog/posts", &json!({"title": "One", "content": "b"}));
    let under = |post: &serde_json::Value| {
        let path = format!("/blog/posts/{}/comments", id(post));
        add(&library.ada, &path, &json!({"text": "So."}))
    };
    let (gone, stays) = (under(&post), under(&other));
    library.admin.delete(&format!("/blog/posts/{}", id(&post))).gives(204);
    server.get(&format!("/blog/comments/{}", id(&gone))).refused("not-found");
    server.get(&format!("/blog/posts/{}/comments", id(&post))).refused("not-found");
    assert_eq!(server.get(&format!("/blog/comments/{}", id(&stays))).gives(200), &stays);
}

fn comments_are_included_counted_and_go_on(server: &TestServer) {
    let library = Library::on(server);
    let post = add(&library.ada, "/blog/posts", &json!({"title": "Zero", "content": "a"}));
    add(&library.ada, "/blog/posts", &json!({"title": "Silent", "content": "a"}));
    let path = format!("/blog/posts/{}", id(&post));
    for number in 0..25 {
        let body = json!({"text": format!("{number}")});
        add(&library.bob, &format!("{path}/comments"), &body);
    }
    let one = server.get(&format!("{path}?include=comments.post&count=comments"));
    let one = one.gives(200);
    assert_eq!(one["comments_count"], 25);
    let comments = array(one, "comments");
    assert_eq!((comments.len(), text(&comments[0], "text")), (20, "24"));
    assert!(comments.iter().all(|comment| comment["post"] == post));
    let rest = walk(&library.anyone, text(one, "comments_next"));
    assert_eq!(each(&rest, "text"), ["4", "3", "2", "1", "0"]);
    assert!(rest.iter().all(|comment| comment["post"] == post), "the rest has what was included");

    let page = server.get("/blog/posts?include=comments(limit:2,sort:created_at)&count=comments");
    let [silent, zero] = items(page.gives(200)) else { panic!("two posts: {}", page.json) };
    assert_eq!((&silent["comments"], &silent["comments_count"]), (&json!([]), &json!(0)));
    assert_eq!(each(array(zero, "comments"), "text"), ["0", "1"]);
    let rest = walk(&library.anyone, text(zero, "comments_next"));
    assert_eq!(rest.len(), 23);
    let all = walk(&library.anyone, &format!("{path}/comments?limit=7&sort=created_at"));
    assert_eq!((all.len(), &all[2..]), (25, &rest[..]));
}

fn no_answer_is_beyond_measure(server: &TestServer) {
    let library = Library::on(server);
    let content = "x".repeat(99_000);
    let post = add(&library.ada, "/blog/posts", &json!({"title": "Long", "content": content}));
    let path = format!("/blog/posts/{}", id(&post));
    for number in 0..100 {
        let body = json!({"text": format!("{number}")});
        add(&library.bob, &format!("{path}/comments"), &body);
    }
    // A hundred times the post is more than fits: the page ends where it must and goes on.
    let page = format!("{path}/comments?limit=100&include=post");
    let first = server.get(&page);
    let shown = items(first.gives(200)).len();
    assert!((50..100).contains(&shown), "{shown}");
    assert!(first.next().is_some());
    assert_eq!(walk(&library.anyone, &page).len(), 100);
    // A single item that does not fit is refused by name.
    let refused = server.get(&format!("{path}?include=comments(limit:100).post"));
    refused.refused("invalid-parameter");
    assert!(text(&refused.json, "detail").starts_with("include: "), "{refused:?}");
    server.get(&format!("{path}?include=comments(limit:20).post")).gives(200);
}

both_servers!(
    no_answer_is_beyond_measure,
    a_comment_is_made_under_its_post,
    comments_go_with_their_post,
    comments_are_included_counted_and_go_on,
);
