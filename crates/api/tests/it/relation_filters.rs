//! Filters on related entities: `some`, `none` and `only`.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::json;

use crate::support::assertions::{Expect as _, all_items, text, texts};
use crate::support::fixtures::{
    add_book, add_department, add_employee, add_review, create, tag_book,
};

/// The names and values of query parameters.
type Query<'q> = &'q [(&'q str, &'q str)];

/// Returns the sorted titles or names of the entities that a query selects.
fn found(server: &TestServer, path: &str, field: &str, query: Query<'_>) -> Vec<String> {
    let query = encode(query);
    let page = server.get(&format!("{path}?sort={field}&{query}"));
    texts(page.expect_items(), field).into_iter().map(str::to_owned).collect()
}

fn encode(query: Query<'_>) -> String {
    let encoded = |text: &str| {
        text.replace(' ', "+").replace('"', "%22").replace('(', "%28").replace(')', "%29")
    };
    let pairs: Vec<_> =
        query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    pairs.join("&")
}

fn books_filter_by_related_entities(server: &TestServer) {
    let (ada, bob) = (server.sign_up("ada"), server.sign_up("bob"));
    for (title, tags, ratings) in [
        ("Both", &["Latin", "verse"][..], &[5, 4][..]),
        ("Latin only", &["latin"], &[5]),
        ("Neither", &[], &[]),
        ("Verse only", &["verse"], &[1, 5]),
    ] {
        let book = add_book(&ada, title);
        tag_book(&ada, &book, tags);
        for (client, rating) in [&ada, &bob].into_iter().zip(ratings) {
            add_review(client, &book, *rating);
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
            &[("some", "tags"), ("author", "aus"), ("none", "reviews(rating:4)")],
            &["Latin only", "Verse only"],
        ),
    ];
    for (query, expected) in cases {
        assert_eq!(found(server, "/books", "title", query), expected, "{query:?}");
    }
    let tags = |query: Query<'_>| found(server, "/tags", "name", query);
    assert_eq!(tags(&[("some", "books(title:Neither)")]), [""; 0]);
    assert_eq!(tags(&[("some", "books(title:latin ONLY)")]), ["Latin"]);
}

fn filters_follow_through_and_self_relations(server: &TestServer) {
    let ada = server.sign_up("ada");
    let company = |name: &str| create(&ada, "/org/companies", &json!({"name": name}));
    let (engines, looms, _empty) = (company("Engines"), company("Looms"), company("Nobody"));
    let cards = add_department(&ada, "Cards", &engines);
    let threads = add_department(&ada, "Threads", &looms);
    let boss = add_employee(&ada, "Boss", &cards, None);
    add_employee(&ada, "Clerk", &cards, Some(&boss));
    add_employee(&ada, "Weaver", &threads, None);

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

fn next_pages_keep_relation_filters(server: &TestServer) {
    let ada = server.sign_up("ada");
    for number in 0..9 {
        let contributors: &[_] = match number % 3 {
            0 => &["King, Jr.", "Somebody"],
            1 => &["King", "Jr."],
            _ => &["The \"other\" one"],
        };
        let contributors: Vec<_> = contributors.iter().map(|name| json!({"name": name})).collect();
        let book = json!({
            "title": format!("{number}"), "contributors": contributors,
            "page_count": (number > 4).then_some(number * 100),
        });
        create(&ada, "/books", &book);
    }
    let titles = |query: Query<'_>| {
        let pages =
            all_items(&server.anonymous(), &format!("/books?sort=title&limit=2&{}", encode(query)));
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
    // A missing page count is in no range: `none` selects it, `only` does not.
    let authors = |query: Query<'_>| {
        let pages = all_items(
            &server.anonymous(),
            &format!("/authors?sort=name&limit=1&{}", encode(query)),
        );
        texts(&pages, "name").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(authors(&[("only", "books(page_count:0..)")]), Vec::<String>::new());
    assert_eq!(authors(&[("none", "books(page_count:701..)")]).len(), 4);
    assert_eq!(authors(&[("some", "books(page_count:800)")]), ["The \"other\" one"]);
    let many: Vec<_> = ["some"; 5].map(|some| (some, "contributors")).to_vec();
    let refused = server.get(&format!("/books?{}", encode(&many)));
    let detail = text(refused.expect_problem("invalid-parameter"), "detail");
    assert!(detail.contains("at most 4"), "{refused:?}");
}

fn invalid_relation_filters_are_explained(server: &TestServer) {
    for (query, explanation) in [
        ("some=authors", "the relations are"),
        ("some=tags(colour:red)", "the fields are name"),
        ("only=tags", "a condition is required"),
        ("none=reviews(rating:high)", "not a value"),
        ("some=tags(", "does not have the form"),
    ] {
        let refused = server.get(&format!("/books?{}", query.replace('(', "%28")));
        let detail = text(refused.expect_problem("invalid-parameter"), "detail");
        assert!(detail.contains(explanation), "{refused:?}");
    }
}

both_servers!(
    books_filter_by_related_entities,
    filters_follow_through_and_self_relations,
    next_pages_keep_relation_filters,
    invalid_relation_filters_are_explained,
);
