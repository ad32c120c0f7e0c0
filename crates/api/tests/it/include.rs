//! The parameters `include` and `count`.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::{Value, json};

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, all_items, array, text, texts, uid};
use crate::support::fixtures::{
    add_book, add_review, create_books_with_tag, create_reviews, create_varied_books, tag_book,
};
use crate::support::operations::include_paths;
use crate::support::samples::{Samples, entity_types};

fn only_included_relations_are_present(server: &TestServer) {
    let Clients { ada, admin, bob, .. } = Clients::create(server);
    let book = add_book(&ada, "Emma");
    let path = format!("/books/{}", uid(&book));
    for relation in ["user", "reviews", "tags"] {
        assert_eq!(book.get(relation), None);
        assert_eq!(server.get(&path).expect_status(200).get(relation), None);
    }
    let loaded = server.get(&format!("{path}?include=user,reviews,tags"));
    let loaded = loaded.expect_status(200);
    assert_eq!((&loaded["reviews"], &loaded["tags"]), (&json!([]), &json!([])));
    assert_eq!(uid(&loaded["user"]), ada.uid);
    assert_eq!(loaded.get("reviews_next"), None);

    let review = add_review(&bob, &book, 5);
    let tags = tag_book(&ada, &book, &["Classics"])["tags"].clone();
    let loaded = server.get(&format!("{path}?include=reviews.user,tags"));
    let loaded = loaded.expect_status(200);
    assert_eq!(loaded.get("user"), None);
    assert_eq!(loaded["tags"], tags);
    let mut expected = review;
    expected["user"] = server.get(&format!("/users/{}", bob.uid)).json;
    assert_eq!(loaded["reviews"], json!([expected]));

    admin.delete(&format!("/users/{}", ada.uid)).expect_status(204);
    let loaded = server.get(&format!("{path}?include=user"));
    assert_eq!(loaded.expect_status(200).get("user"), Some(&Value::Null));
}

fn includes_nest_three_levels_deep(server: &TestServer) {
    let Clients { ada, bob, .. } = Clients::create(server);
    let books = create_varied_books(&ada, &bob);
    let dune = &books[6];
    let path = format!("/books/{}?include=reviews.user.books,tags.books.user", uid(dune));
    let loaded = server.get(&path);
    let loaded = loaded.expect_status(200);
    for review in array(loaded, "reviews") {
        let expected = server.get(&format!("/users/{}/books", text(review, "user_uid")));
        assert_eq!(&review["user"]["books"], &expected.expect_status(200)["items"]);
    }
    assert_eq!(array(loaded, "tags").len(), 3);
    for tag in array(loaded, "tags") {
        let expected = server.get(&format!("/tags/{}/books?include=user", uid(tag)));
        assert_eq!(&tag["books"], &expected.expect_status(200)["items"]);
        assert!(array(tag, "books").iter().any(|book| uid(book) == uid(dune)));
    }
    // Each item of a page is loaded like the item by itself.
    let page = server.get("/books?include=user.reviews.book,reviews,tags.books&count=tags,reviews");
    for book in page.expect_items() {
        let one = server.get(&format!(
            "/books/{}?include=user.reviews.book,reviews,tags.books&count=tags,reviews",
            uid(book)
        ));
        assert_eq!(one.expect_status(200), book);
    }
}

fn every_listed_path_is_accepted(server: &TestServer) {
    let Clients { ada, anonymous, bob, .. } = Clients::create(server);
    create_varied_books(&ada, &bob);
    let samples = Samples::of(&ada);
    let mut tried = 0;
    for entity in entity_types() {
        let path = samples.path(entity.name);
        for include in include_paths(&anonymous, &path) {
            let response = server.get(&format!("{path}?include={include}"));
            let first = include.split('.').next().unwrap();
            assert!(response.expect_status(200).get(first).is_some(), "{}: {include}", entity.name);
            tried += 1;
        }
    }
    assert!(tried > 150, "{tried}");
}

fn unknown_or_deep_paths_are_refused(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let book = add_book(&ada, "Emma");
    for include in [
        "nonsense",
        "user,nonsense",
        "reviews.nonsense",
        "reviews.user.nonsense",
        "",
        ",",
        "user,",
        "user..books",
        ".user",
        "user.",
        "User",
        "tags.books.tags.books",
        "user.books.reviews.user",
        "reviews(limit:0)",
        "reviews(limit:-1)",
        "reviews(limit:1e3)",
        "reviews(limit:)",
        "reviews(limit)",
        "reviews()",
        "reviews(",
        "reviews)",
        "reviews(sort:)",
        "reviews(sort:title)",
        "reviews(sort:rating,-rating)",
        "reviews(page:2)",
        "reviews(limit:1),reviews(limit:2)",
        "user(limit:2)",
        "reviews.user(sort:username)",
        "reviews(limit:1)(sort:rating)",
    ] {
        for path in [format!("/books/{}", uid(&book)), "/books".to_owned()] {
            let response = server.get(&format!("{path}?include={include}"));
            let detail = text(response.expect_problem("invalid-parameter"), "detail");
            assert!(detail.starts_with("include"), "{include}: {detail}");
        }
    }
    // A limit has the codes of the parameter `limit`.
    for (limit, code) in [("0", "range"), ("-1", "range"), ("x", "format"), ("1e3", "format")] {
        let response = server.get(&format!("/books?include=reviews(limit:{limit})"));
        assert_eq!(response.query_errors(), [("include", code)], "{limit}");
    }
    // The valid relations are those of the response, here of the user.
    let user = format!("/books/{}/user", uid(&book));
    server.get(&format!("{user}?include=reviews.book,books")).expect_status(200);
    server.get(&format!("{user}?include=user")).expect_problem("invalid-parameter");
}

fn next_url_continues_an_include(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let book = add_book(&ada, "Emma");
    let path = format!("/books/{}", uid(&book));
    create_reviews(server, uid(&book).parse().unwrap(), 27);
    let cases = [
        ("reviews", 20, ""),
        ("reviews(limit:5)", 5, ""),
        ("reviews(limit:5,sort:-rating)", 5, "?sort=-rating"),
        ("reviews(limit:7,sort:rating,-created_at)", 7, "?sort=rating,-created_at"),
        ("reviews(sort:created_at)", 20, "?sort=created_at"),
        ("reviews(limit:26)", 26, ""),
        ("reviews(limit:27)", 27, ""),
        ("reviews(limit:28)", 27, ""),
        ("reviews.user", 20, "?include=user"),
        (
            "reviews(limit:5,sort:rating).user.books(limit:3)",
            5,
            "?sort=rating&include=user.books(limit:3)",
        ),
    ];
    for (include, count, query) in cases {
        let all = all_items(&anonymous, &format!("{path}/reviews{query}"));
        assert_eq!(all.len(), 27);
        let loaded = server.get(&format!("{path}?include={include}"));
        let loaded = loaded.expect_status(200);
        let mut shown = array(loaded, "reviews").to_vec();
        assert_eq!(shown.len(), count, "{include}");
        let next = loaded.get("reviews_next").map(|next| next.as_str().unwrap());
        assert_eq!(next.is_some(), count < 27, "{include}");
        if let Some(next) = next {
            // The next page has the limit of the include.
            let page = server.get(next);
            assert_eq!(page.expect_items().len(), count.min(27 - count), "{next}");
            shown.extend(all_items(&anonymous, next));
        }
        assert_eq!(shown, all, "{include}");
    }
}

fn next_url_continues_a_nested_include(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let book = add_book(&ada, "Emma");
    tag_book(&ada, &book, &["Classics"]);
    create_reviews(server, uid(&book).parse().unwrap(), 4);
    for path in [
        format!("/users/{}?include=books.reviews(limit:3),books.tags", ada.uid),
        format!("/users/{}/books?include=reviews(limit:3),tags", ada.uid),
        "/tags?include=books.reviews(limit:3),books.tags".to_owned(),
    ] {
        let loaded = server.get(&path);
        let mut book = loaded.expect_status(200);
        if book.get("items").is_some() && book["items"][0].get("title").is_none() {
            book = &book["items"][0]["books"][0];
        } else {
            book = book.get("items").or(book.get("books")).map(|books| &books[0]).unwrap();
        }
        assert_eq!(array(book, "reviews").len(), 3);
        assert_eq!(book.get("tags_next"), None);
        assert_eq!(all_items(&anonymous, text(book, "reviews_next")).len(), 1);
    }
    // The next page has the same counts.
    let path = "/tags?include=books(limit:1).reviews(limit:3).user&count=books.reviews,books.tags,books.reviews.user.books";
    add_book(&ada, "Persuasion");
    let other = uid(&server.get("/books?limit=1").expect_items()[0]).to_owned();
    tag_book(&ada, &json!({"uid": other}), &["Classics"]);
    let loaded = server.get(path);
    let tag = &loaded.expect_items()[0];
    let rest = all_items(&anonymous, text(tag, "books_next"));
    assert_eq!((&rest[0]["reviews_count"], &rest[0]["tags_count"]), (&json!(4), &json!(1)));
    assert_eq!(rest[0]["reviews"][0]["user"]["books_count"], 0);
    assert_eq!(array(ada.get("/auth/me").expect_status(200), "books").len(), 2);
}

fn includes_are_capped(server: &TestServer) {
    let Clients { anonymous, .. } = Clients::create(server);
    let (tag, books) = create_books_with_tag(server, "first", 101);
    let one = server.get(&format!("/tags/{tag}?include=books(limit:1000)"));
    assert_eq!(array(one.expect_status(200), "books").len(), 100);
    assert_eq!(all_items(&anonymous, text(&one.json, "books_next")).len(), 1);

    // The limit of 10,000 entities is shared by 200 parents: 50 for each.
    let (_, others) = create_books_with_tag(server, "second", 100);
    create_reviews(server, others[7], 60);
    create_reviews(server, books[50], 49);
    let page = server.get("/tags?include=books(limit:100).reviews(limit:100)");
    let mut checked = 0;
    for tag in page.expect_items() {
        assert_eq!(array(tag, "books").len(), 100);
        for book in array(tag, "books") {
            let reviews = array(book, "reviews").len();
            if uid(book) == others[7].to_string() {
                assert_eq!(reviews, 50);
                assert_eq!(all_items(&anonymous, text(book, "reviews_next")).len(), 10);
                checked += 1;
            } else if uid(book) == books[50].to_string() {
                assert_eq!((reviews, book.get("reviews_next")), (49, None));
                checked += 1;
            } else {
                assert_eq!((reviews, book.get("reviews_next")), (0, None));
            }
        }
    }
    assert_eq!(checked, 2);
}

fn counts_need_no_include(server: &TestServer) {
    let Clients { ada, anonymous, bob, .. } = Clients::create(server);
    let books = create_varied_books(&ada, &bob);
    create_reviews(server, uid(&books[6]).parse().unwrap(), 30);
    let dune = server.get(&format!("/books/{}?count=tags,reviews", uid(&books[6])));
    let dune = dune.expect_status(200);
    assert_eq!((&dune["tags_count"], &dune["reviews_count"]), (&json!(3), &json!(32)));
    assert_eq!((dune.get("tags"), dune.get("reviews")), (None, None));
    let zebra = server.get(&format!("/books/{}?count=tags&include=tags", uid(&books[1])));
    assert_eq!(zebra.expect_status(200)["tags_count"], 0);
    assert_eq!(zebra.json["tags"], json!([]));
    assert_eq!(zebra.json.get("reviews_count"), None);

    let page = server.get("/books?sort=title&count=tags&include=user&limit=100");
    for book in page.expect_items() {
        let tags = server.get(&format!("/books/{}/tags", uid(book)));
        assert_eq!(book["tags_count"], tags.expect_items().len());
    }
    let nested = server.get(&format!(
        "/users/{}?include=books.tags&count=books,reviews,books.tags,books.tags.books",
        ada.uid
    ));
    let nested = nested.expect_status(200);
    assert_eq!((&nested["books_count"], &nested["reviews_count"]), (&json!(4), &json!(3)));
    for book in array(nested, "books") {
        assert_eq!(book["tags_count"], array(book, "tags").len());
        for tag in array(book, "tags") {
            let books = all_items(&anonymous, &format!("/tags/{}/books", uid(tag)));
            assert_eq!(tag["books_count"], books.len());
        }
    }
    for count in ["user", "nonsense", "", "tags,", "tags.books", "reviews.user", "Tags"] {
        let response = server.get(&format!("/books?count={count}"));
        let detail = text(response.expect_problem("invalid-parameter"), "detail");
        assert!(detail.starts_with("count"), "{count}: {detail}");
    }
}

fn includes_can_be_sorted(server: &TestServer) {
    let Clients { ada, anonymous, bob, .. } = Clients::create(server);
    create_varied_books(&ada, &bob);
    let user = server.get(&format!("/users/{}?include=books(sort:-title)", ada.uid));
    let titles = texts(array(user.expect_status(200), "books"), "title");
    assert_eq!(titles, ["日本", "Émile", "zebra", "Dune"]);
    let user = server.get(&format!("/users/{}?include=books(sort:page_count)", ada.uid));
    let titles = texts(array(user.expect_status(200), "books"), "title");
    assert_eq!(titles, ["日本", "Émile", "Dune", "zebra"]);
    let tags = server.get("/tags?sort=name&include=books(sort:title,limit:2)");
    let classics = tags.expect_items().iter().find(|tag| tag["name"] == "Classics").unwrap();
    assert_eq!(texts(array(classics, "books"), "title"), ["Dune", "Emma"]);
    let rest = all_items(&anonymous, text(classics, "books_next"));
    assert_eq!(texts(&rest, "title"), ["Émile"]);
}

both_servers!(
    only_included_relations_are_present,
    includes_nest_three_levels_deep,
    every_listed_path_is_accepted,
    unknown_or_deep_paths_are_refused,
    next_url_continues_an_include,
    next_url_continues_a_nested_include,
    includes_are_capped,
    counts_need_no_include,
    includes_can_be_sorted,
);
