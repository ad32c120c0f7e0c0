//! Posts and their comments.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::json;

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, all_items, array, field_names, id, text, texts};
use crate::support::fixtures::create;

fn comment_is_created_below_its_post(server: &TestServer) {
    let Clients { ada, admin, anonymous, bob } = Clients::create(server);
    let post = create(&ada, "/blog/posts", &json!({"title": "Zero", "content": "a\n\nb"}));
    assert_eq!(post["content"], "a\n\nb");
    let path = format!("/blog/posts/{}/comments", id(&post));
    let body = json!({"text": "So."});
    anonymous.post(&path, &body).expect_problem("unauthenticated");
    bob.post("/blog/posts/99/comments", &body).expect_problem("not-found");
    bob.post("/blog/posts/99/comments", &json!({})).expect_problem("not-found");
    for wrong in [json!({}), json!({"text": ""}), json!({"text": 1}), json!({"text": null})] {
        assert_eq!(bob.post(&path, &wrong).violations(), ["/text"], "{wrong}");
    }
    // The post is the one in the path.
    let elsewhere = json!({"text": "So.", "post_id": 1});
    assert_eq!(bob.post(&path, &elsewhere).violations(), ["/post_id"]);

    let response = bob.post(&path, &body);
    let comment = response.expect_status(201).clone();
    assert_eq!(field_names(&comment), ["created_at", "id", "post_id", "text", "updated_at"]);
    assert_eq!(comment["post_id"], post["id"]);
    let at = format!("/blog/comments/{}", id(&comment));
    assert_eq!(response.header("location"), Some(format!("/api/v1{at}").as_str()));
    assert_eq!(server.get(&at).expect_status(200), &comment);
    assert_eq!(server.get(&format!("{at}/post")).expect_status(200), &post);
    assert_eq!(server.get(&path).expect_status(200), &json!({"items": [comment]}));
    // There is no collection of all comments.
    server.get("/blog/comments").expect_problem("not-found");
    ada.post("/blog/comments", &body).expect_problem("not-found");

    // It has no owner.
    anonymous.patch(&at, &json!({"text": "x"})).expect_problem("unauthenticated");
    let changed = ada.patch(&at, &json!({"text": "Other"})).expect_status(200).clone();
    assert_eq!((text(&changed, "text"), &changed["post_id"]), ("Other", &post["id"]));
    assert_eq!(ada.patch(&at, &json!({"post_id": 2})).violations(), ["/post_id"]);
    assert_eq!(ada.patch(&at, &json!({"text": null})).violations(), ["/text"]);
    anonymous.delete(&at).expect_problem("unauthenticated");
    bob.delete(&at).expect_problem("forbidden");
    admin.delete(&at).expect_status(204);
    admin.delete(&at).expect_problem("not-found");
    server.get(&format!("{at}/post")).expect_problem("not-found");
    assert_eq!(server.get(&path).expect_status(200), &json!({"items": []}));
}

fn deleting_a_post_deletes_its_comments(server: &TestServer) {
    let Clients { ada, admin, .. } = Clients::create(server);
    let post = create(&ada, "/blog/posts", &json!({"title": "Zero", "content": "a"}));
    let other = create(&ada, "/blog/posts", &json!({"title": "One", "content": "b"}));
    let under = |post: &serde_json::Value| {
        let path = format!("/blog/posts/{}/comments", id(post));
        create(&ada, &path, &json!({"text": "So."}))
    };
    let (gone, stays) = (under(&post), under(&other));
    admin.delete(&format!("/blog/posts/{}", id(&post))).expect_status(204);
    server.get(&format!("/blog/comments/{}", id(&gone))).expect_problem("not-found");
    server.get(&format!("/blog/posts/{}/comments", id(&post))).expect_problem("not-found");
    assert_eq!(server.get(&format!("/blog/comments/{}", id(&stays))).expect_status(200), &stays);
}

fn included_comments_are_counted_and_continued(server: &TestServer) {
    let Clients { ada, anonymous, bob, .. } = Clients::create(server);
    let post = create(&ada, "/blog/posts", &json!({"title": "Zero", "content": "a"}));
    create(&ada, "/blog/posts", &json!({"title": "Silent", "content": "a"}));
    let path = format!("/blog/posts/{}", id(&post));
    for number in 0..25 {
        let body = json!({"text": format!("{number}")});
        create(&bob, &format!("{path}/comments"), &body);
    }
    let one = server.get(&format!("{path}?include=comments.post&count=comments"));
    let one = one.expect_status(200);
    assert_eq!(one["comments_count"], 25);
    let comments = array(one, "comments");
    assert_eq!((comments.len(), text(&comments[0], "text")), (20, "24"));
    assert!(comments.iter().all(|comment| comment["post"] == post));
    let rest = all_items(&anonymous, text(one, "comments_next"));
    assert_eq!(texts(&rest, "text"), ["4", "3", "2", "1", "0"]);
    assert!(
        rest.iter().all(|comment| comment["post"] == post),
        "the next page has the same includes"
    );

    let page = server.get("/blog/posts?include=comments(limit:2,sort:created_at)&count=comments");
    let [silent, zero] = page.expect_items() else { panic!("two posts: {}", page.json) };
    assert_eq!((&silent["comments"], &silent["comments_count"]), (&json!([]), &json!(0)));
    assert_eq!(texts(array(zero, "comments"), "text"), ["0", "1"]);
    let rest = all_items(&anonymous, text(zero, "comments_next"));
    assert_eq!(rest.len(), 23);
    let all = all_items(&anonymous, &format!("{path}/comments?limit=7&sort=created_at"));
    assert_eq!((all.len(), &all[2..]), (25, &rest[..]));
}

fn oversized_response_is_split_or_refused(server: &TestServer) {
    let Clients { ada, anonymous, bob, .. } = Clients::create(server);
    let content = "x".repeat(99_000);
    let post = create(&ada, "/blog/posts", &json!({"title": "Long", "content": content}));
    let path = format!("/blog/posts/{}", id(&post));
    for number in 0..100 {
        let body = json!({"text": format!("{number}")});
        create(&bob, &format!("{path}/comments"), &body);
    }
    // The post a hundred times exceeds the limit, so the page is shorter.
    let page = format!("{path}/comments?limit=100&include=post");
    let first = server.get(&page);
    let shown = first.expect_items().len();
    assert!((50..100).contains(&shown), "{shown}");
    assert!(first.next_page().is_some());
    assert_eq!(all_items(&anonymous, &page).len(), 100);
    // An item that exceeds the limit by itself is refused.
    let refused = server.get(&format!("{path}?include=comments(limit:100).post"));
    refused.expect_problem("invalid-parameter");
    assert!(text(&refused.json, "detail").starts_with("include: "), "{refused:?}");
    server.get(&format!("{path}?include=comments(limit:20).post")).expect_status(200);
}

both_servers!(
    oversized_response_is_split_or_refused,
    comment_is_created_below_its_post,
    deleting_a_post_deletes_its_comments,
    included_comments_are_counted_and_continued,
);
