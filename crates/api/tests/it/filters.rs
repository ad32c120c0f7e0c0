//! Filters on books.

use recto_testkit::both_servers;
use recto_testkit::server::{TestClient, TestServer};
use serde_json::json;

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, all_items, text, texts, uid};
use crate::support::fixtures::{
    UNKNOWN_UID, add_book, add_tag, create, create_varied_books, tag_book,
};

/// Returns the sorted titles of the books that a query selects.
fn titles(server: &TestServer, query: &str) -> Vec<String> {
    let page = server.get(&format!("/books?sort=title&{query}"));
    texts(page.expect_items(), "title").into_iter().map(str::to_owned).collect()
}

fn each_filter_selects_its_books(server: &TestServer) {
    let Clients { ada, bob, .. } = Clients::create(server);
    create_varied_books(&ada, &bob);
    let bobs = format!("user_uid={}", bob.uid);
    let cases: [(&str, &[&str]); 23] = [
        ("author=straSSe", &["Apple", "apple"]),
        ("author=STRA%C3%9FE", &["Apple", "apple"]),
        ("author=an", &["Dune", "Emma", "zebra", "Émile"]),
        ("author=%25", &[]),
        ("author=_", &[]),
        ("author=%5C", &[]),
        ("author=%E5%90%8D", &["日本"]),
        ("language=en", &["Dune", "Emma", "ﬀ and so on"]),
        ("language=EN", &["Dune", "Emma", "ﬀ and so on"]),
        ("language=de", &["Apple"]),
        ("language=de-at", &["apple"]),
        ("tag=classics", &["Dune", "Emma", "Émile"]),
        ("tag=CLASSICS&tag=Science+fiction", &["Dune"]),
        ("tag=classics&tag=classics", &["Dune", "Emma", "Émile"]),
        ("tag=100%25_sand%5C", &["Dune"]),
        ("tag=100", &[]),
        (&bobs, &["Apple", "apple", "Emma", "ﬀ and so on"]),
        ("published_from=1999-07", &["apple", "ﬀ and so on"]),
        ("published_from=1999", &["apple", "ﬀ and so on", "日本"]),
        ("published_to=1762", &["Apple", "Émile"]),
        (
            "published_to=1999-07",
            &["Apple", "apple", "Dune", "Emma", "ﬀ and so on", "Émile", "日本"],
        ),
        ("published_from=1965-08-01&published_to=1965-08-01", &["Dune"]),
        ("published_to=-0749", &["Apple"]),
    ];
    for (query, expected) in cases {
        assert_eq!(titles(server, query), expected, "{query}");
    }
    assert!(titles(server, &format!("user_uid={UNKNOWN_UID}")).is_empty());
    let both = format!("{bobs}&language=en&published_from=1900");
    assert_eq!(titles(server, &both), ["ﬀ and so on"]);
}

fn isbn_matches_in_either_form(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    for (title, isbn) in
        [("one", "9780306406157"), ("other", "0306406152"), ("third", "9780099284093")]
    {
        let body = json!({"title": title, "author": "A", "isbn": isbn});
        assert_eq!(ada.post("/books", &body).expect_status(201)["title"], title);
    }
    add_book(&ada, "none");
    for isbn in ["9780306406157", "0306406152", "978-0-306-40615-7", "0-306-40615-2"] {
        assert_eq!(titles(server, &format!("isbn={isbn}")), ["one", "other"], "{isbn}");
    }
    assert!(titles(server, "isbn=9780804429573").is_empty());
}

fn invalid_filter_values_are_refused(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    for query in [
        "isbn=9780306406158",
        "isbn=",
        "language=not+a+language",
        "language=",
        "tag=",
        "tag=classics&tag=",
        "user_uid=ada",
        "user_uid=",
        "published_from=yesterday",
        "published_from=1999-13",
        "published_to=",
        "author=a&author=b",
        "language=en&language=de",
        "author=%00",
        "author=%FF",
        "author=%zz",
    ] {
        let response = anonymous.get(&format!("/books?{query}"));
        let name = query.split('=').next().unwrap();
        let detail = text(response.expect_problem("invalid-parameter"), "detail");
        assert!(detail.starts_with(name), "{query}: {detail}");
    }
    // Only the collection of all books has these filters.
    let path = format!("/users/{}/books?language=en", ada.uid);
    anonymous.get(&path).expect_problem("invalid-parameter");
}

fn next_pages_keep_the_filter(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let mut expected = Vec::new();
    for number in 0..9 {
        let book = add_book(&ada, &format!("{number}"));
        if number % 2 == 0 {
            tag_book(&ada, &book, &["Even & odd", "also=this"]);
            expected.insert(0, uid(&book).to_owned());
        }
    }
    let books = all_items(&anonymous, "/books?limit=2&tag=even+%26+ODD&tag=also%3Dthis");
    assert_eq!(books.iter().map(uid).collect::<Vec<_>>(), expected);
}

fn names_select_exactly(server: &TestServer) {
    let Clients { ada, admin, anonymous, bob } = Clients::create(server);
    for name in ["Classics", "classics of the sea"] {
        add_tag(&ada, name);
    }
    create(&ada, "/books", &json!({"title": "Emma", "author": "Jane Austen, Jane Austen Leigh"}));
    let names = |client: &TestClient<'_>, path: &str, field: &str| {
        let items = client.get(path).expect_items().to_vec();
        items.iter().map(|item| text(item, field).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&anonymous, "/tags?name=CLASSICS", "name"), ["Classics"]);
    assert_eq!(names(&anonymous, "/tags?name=classic", "name"), [""; 0]);
    assert_eq!(names(&anonymous, "/authors?name=jane+austen&sort=name", "name"), ["Jane Austen"]);
    assert_eq!(names(&admin, "/users?username=ADA", "username"), ["ada"]);
    assert_eq!(names(&admin, "/users?email=Bob%40Example.org", "username"), ["bob"]);
    assert_eq!(names(&admin, "/users?email=bob%40example.org&username=ada", "username"), [""; 0]);
    bob.get("/users?email=ada%40example.org").expect_problem("forbidden");
    for wrong in ["/tags?name=", "/authors?name=", "/users?username=", "/users?email=ada"] {
        admin.get(wrong).expect_problem("invalid-parameter");
    }
}

fn repeated_lists_are_one_list(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    for title in ["Emma", "Persuasion"] {
        add_book(&ada, title);
    }
    for (repeated, once) in [
        ("include=user&include=tags", "include=user,tags"),
        ("count=reviews&count=tags,contributors", "count=reviews,tags,contributors"),
        ("sort=author&sort=-title", "sort=author,-title"),
    ] {
        let [repeated, once] =
            [repeated, once].map(|query| anonymous.get(&format!("/books?limit=2&{query}")));
        assert_eq!(repeated.expect_items(), once.expect_items());
    }
}

both_servers!(
    names_select_exactly,
    repeated_lists_are_one_list,
    each_filter_selects_its_books,
    isbn_matches_in_either_form,
    invalid_filter_values_are_refused,
    next_pages_keep_the_filter,
);
