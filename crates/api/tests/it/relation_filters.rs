//! Narrowing pages by what their entities are related to.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::json;

use crate::support::assertions::{Expect as _, all_items, texts};

/// Names and values.
type Query<'q> = &'q [(&'q str, &'q str)];

/// What a query finds, by title or name, in that order.
fn found(server: &TestServer, path: &str, member: &str, query: Query<'_>) -> Vec<String> {
    let query = form(query);
    let page = server.get(&format!("{path}?sort={member}&{query}"));
    texts(page.expect_items(), member).into_iter().map(str::to_owned).collect()
}

fn form(query: Query<'_>) -> String {
    let encoded = |text: &str| {
        text.replace(' ', "+").replace('"', "%22").replace('(', "%28").replace(')', "%29")
    };
    let pairs: Vec<_> =
        query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    pairs.join("&")
}

fn books_by_their_tags_reviews_and_user(server: &TestServer) {
    let (ada, bob) = (server.sign_up("ada"), server.sign_up("bob"));
    for (title, tags, ratings) in [
        ("Both", &["Latin", "verse"][..], &[5, 4][..]),
        ("Latin only", &["latin"], &[5]),
        ("Neither", &[], &[]),
        ("Verse only", &["verse"], &[1, 5]),
    ] {
        let book = ada.post("/books", &json!({"title": title, "author": "Somebody"}));
        let path = format!("/books/{}", book.json["uid"].as_str().unwrap());
        let tags: Vec<_> = tags.iter().map(|name| json!({"name": name})).collect();
        assert_eq!(ada.post(&format!("{path}/tags"), &json!({"tags": tags})).status, 200);
        for (reader, rating) in [&ada, &bob].into_iter().zip(ratings) {
            let review = json!({"rating": rating, "review_text": ""});
            assert_eq!(reader.post(&format!("{path}/reviews"), &review).status, 201);
        }
    }
    let cases: [(Query<'_>, &[&str]); 14] = [
        (&[("some", "tags")], &["Both", "Latin only", "Verse only"]),
        (&[("none", "tags")], &["Neither"]),
        (&[("some", "tags(name:LATIN)")], &["Both", "Latin only"]),
        (&[("none", "tags(name:latin)")], &["Neither", "Verse only"]),
        (&[("only", "tags(name:verse)")], &["Neither", "Verse only"]),
        (&[("some", "tags(name:latin)"), ("some", "tags(name:verse)")], &["Both"]),
        (&[("only", "reviews(rating:4..)")], &["Both", "Latin only", "Neither"]),
        (&[("some", "reviews"), ("only", "reviews(rating:5)")], &["Latin only"]),
        (&[("some", "reviews(rating:..3)")], &["Verse only"]),
        (&[("none", "reviews(rating:5)")], &["Neither"]),
        (&[("some", "user(username:ADA)")], &["Both", "Latin only", "Neither", "Verse only"]),
        (&[("some", "user(username:bob)")], &[]),
        (&[("none", "user")], &[]),
        (
            &[("some", "tags"), ("author", "some"), ("none", "reviews(rating:4)")],
            &["Latin only", "Verse only"],
        ),
    ];
    for (query, expected) in cases {
        assert_eq!(found(server, "/books", "title", query), expected, "{query:?}");
    }
    let users = |query: Query<'_>| found(server, "/tags", "name", query);
    assert_eq!(users(&[("some", "books(title:Neither)")]), [""; 0]);
    assert_eq!(users(&[("some", "books(title:latin ONLY)")]), ["Latin"]);
}

fn companies_through_departments_and_managers(server: &TestServer) {
    let ada = server.sign_up("ada");
    let make = |path: &str, body: serde_json::Value| {
        let made = ada.post(path, &body);
        assert_eq!(made.status, 201, "{made:?}");
        made.json["id"].as_i64().unwrap()
    };
    let company = |name: &str| make("/org/companies", json!({"name": name}));
    let (engines, looms, _empty) = (company("Engines"), company("Looms"), company("Nobody"));
    let department = |name: &str, company: i64| {
        make("/org/departments", json!({"name": name, "company_id": company}))
    };
    let (cards, threads) = (department("Cards", engines), department("Threads", looms));
    let boss = make("/org/employees", json!({"name": "Boss", "department_id": cards}));
    make("/org/employees", json!({"name": "Clerk", "department_id": cards, "manager_id": boss}));
    make("/org/employees", json!({"name": "Weaver", "department_id": threads}));

    let cases: [(&str, Query<'_>, &[&str]); 9] = [
        ("/org/companies", &[("some", "employees(name:boss)")], &["Engines"]),
        ("/org/companies", &[("none", "employees")], &["Nobody"]),
        ("/org/companies", &[("only", "employees(name:weaver)")], &["Looms", "Nobody"]),
        ("/org/companies", &[("some", "departments(name:cards)")], &["Engines"]),
        ("/org/employees", &[("some", "reports")], &["Boss"]),
        ("/org/employees", &[("none", "reports")], &["Clerk", "Weaver"]),
        ("/org/employees", &[("some", "manager(name:boss)")], &["Clerk"]),
        ("/org/employees", &[("none", "manager")], &["Boss", "Weaver"]),
        ("/org/employees", &[("some", "company(name:engines)")], &["Boss", "Clerk"]),
    ];
    for (path, query, expected) in cases {
        assert_eq!(found(server, path, "name", query), expected, "{path} {query:?}");
    }
}

fn narrowed_pages_go_on(server: &TestServer) {
    let ada = server.sign_up("ada");
    for number in 0..9 {
        let contributors: &[_] = match number % 3 {
            0 => &["King, Jr.", "Somebody"],
            1 => &["King", "Jr."],
            _ => &["The \"other\" one"],
        };
        let contributors: Vec<_> = contributors.iter().map(|name| json!({"name": name})).collect();
        let book = json!({
            "title": format!("{number}"), "author": null, "contributors": contributors,
            "page_count": (number > 4).then_some(number * 100),
        });
        let mut book = book;
        book.as_object_mut().unwrap().remove("author");
        assert_eq!(ada.post("/books", &book).status, 201, "{book}");
    }
    let titles = |query: Query<'_>| {
        let pages =
            all_items(&server.anonymous(), &format!("/books?sort=title&limit=2&{}", form(query)));
        texts(&pages, "title").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    for quantifier in ["some", "none", "only"] {
        let found = titles(&[(quantifier, "contributors(name:\"King, Jr.\")")]);
        let expected: &[&str] = match quantifier {
            "some" => &["0", "3", "6"],
            "none" => &["1", "2", "4", "5", "7", "8"],
            _ => &[],
        };
        assert_eq!(found, expected, "{quantifier}");
    }
    assert_eq!(
        titles(&[("only", "contributors(name:\"The \"\"other\"\" one\")")]),
        ["2", "5", "8"]
    );
    // A page count that is not known is in no range: it is none of those, and not only those.
    let authors = |query: Query<'_>| {
        let pages =
            all_items(&server.anonymous(), &format!("/authors?sort=name&limit=1&{}", form(query)));
        texts(&pages, "name").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(authors(&[("only", "books(page_count:0..)")]), Vec::<String>::new());
    assert_eq!(authors(&[("none", "books(page_count:701..)")]).len(), 4);
    assert_eq!(authors(&[("some", "books(page_count:800)")]), ["The \"other\" one"]);
    let many: Vec<_> = ["some"; 5].map(|some| (some, "contributors")).to_vec();
    let refused = server.get(&format!("/books?{}", form(&many)));
    assert!(refused.json["detail"].as_str().unwrap().contains("at most 4"), "{refused:?}");
}

fn what_cannot_be_asked_is_named(server: &TestServer) {
    for (query, named) in [
        ("some=authors", "the relations are"),
        ("some=tags(colour:red)", "the fields are name"),
        ("only=tags", "a condition is required"),
        ("none=reviews(rating:high)", "not a value"),
        ("some=tags(", "does not have the form"),
    ] {
        let refused = server.get(&format!("/books?{}", query.replace('(', "%28")));
        assert_eq!(refused.status, 400, "{query}");
        assert!(refused.json["detail"].as_str().unwrap().contains(named), "{refused:?}");
    }
}

both_servers!(
    books_by_their_tags_reviews_and_user,
    companies_through_departments_and_managers,
    narrowed_pages_go_on,
    what_cannot_be_asked_is_named,
);
