//! Pages: limits, sorting and cursors.

use std::collections::BTreeSet;

use recto_testkit::both_servers;
use recto_testkit::database::Engine;
use recto_testkit::server::{Response, TestClient, TestServer};
use serde_json::{Value, json};

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, all_items, field_names, id, text, texts, uid};
use crate::support::fixtures::{
    UNKNOWN_UID, add_book, create, create_books_with_tag, create_reviews, create_varied_books,
};

fn limit_defaults_and_is_capped(server: &TestServer) {
    let Clients { anonymous, .. } = Clients::create(server);
    create_books_with_tag(server, "much", 105);
    for (query, count) in [
        ("", 20),
        ("?limit=1", 1),
        ("?limit=99", 99),
        ("?limit=100", 100),
        ("?limit=101", 100),
        ("?limit=1000000000", 100),
        ("?limit=99999999999999999999999999", 100),
    ] {
        let page = anonymous.get(&format!("/books{query}"));
        assert_eq!(page.expect_items().len(), count, "{query}");
        assert!(page.next_page().is_some());
    }
    for limit in ["0", "-1", "1e9", "", "abc", "1.0", "%2B1", "0x10", " 1"] {
        for path in ["/books", "/tags"] {
            let response = anonymous.get(&format!("{path}?limit={limit}").replace(' ', "%20"));
            assert!(
                text(response.expect_problem("invalid-parameter"), "detail").starts_with("limit")
            );
        }
    }
}

fn last_page_has_no_next(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let empty = anonymous.get("/books");
    assert_eq!(empty.expect_status(200), &json!({"items": []}));
    assert_eq!(empty.next_page(), None);
    let books: Vec<_> = ["A", "B", "C", "D"].map(|title| add_book(&ada, title)).into();
    // A full last page has no next page either.
    assert_eq!(anonymous.get("/books?limit=4").next_page(), None);
    let first = anonymous.get("/books?limit=2");
    assert_eq!(first.expect_items(), [books[3].clone(), books[2].clone()]);
    let next = first.next_page().unwrap();
    assert!(next.starts_with("/api/v1/books?limit=2&cursor="), "{next}");
    let second = anonymous.get(&next);
    assert_eq!(second.expect_items(), [books[1].clone(), books[0].clone()]);
    assert_eq!(second.next_page(), None);
    assert_eq!(field_names(&second.json), ["items", "prev_cursor"]);
    // A cursor can be used again, and with another limit.
    assert_eq!(anonymous.get(&next).json, second.json);
    let other = anonymous.get(&next.replace("limit=2", "limit=1&count=tags"));
    assert_eq!(uid(&other.expect_items()[0]), uid(&books[1]));
}

/// The way back, while items are added and deleted around the cursors.
fn previous_pages_follow_changes(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let mut books: Vec<_> = (0..6).map(|n| add_book(&ada, &format!("{n}"))).collect();
    let titles = |page: &Response| texts(page.expect_items(), "title").join("");
    let delete = |book: &Value| {
        ada.delete(&format!("/books/{}", uid(book))).expect_status(204);
    };
    let first = anonymous.get("/books?limit=2");
    assert_eq!((titles(&first).as_str(), first.previous_page()), ("54", None));
    let second = anonymous.get(&first.next_page().unwrap());
    assert_eq!(titles(&second), "32");
    let back = second.previous_page().unwrap();
    assert!(back.starts_with("/api/v1/books?limit=2&cursor="), "{back}");
    let again = anonymous.get(&back);
    assert_eq!(again.json["items"], first.json["items"]);
    assert_eq!(again.previous_page(), None);
    assert_eq!(anonymous.get(&again.next_page().unwrap()).json, second.json);
    // A book before the first page makes another page.
    books.push(add_book(&ada, "6"));
    let middle = anonymous.get(&back);
    assert_eq!(titles(&middle), "54");
    assert_eq!(titles(&anonymous.get(&middle.previous_page().unwrap())), "6");
    let all = anonymous.get(&back.replace("limit=2", "limit=100&fields=title&total=true"));
    assert_eq!((titles(&all).as_str(), all.previous_page()), ("654", None));
    assert_eq!(all.json["total"], 7);
    // Everything before the second page is deleted: it is the first one now.
    for book in &books[4..] {
        delete(book);
    }
    let second = anonymous.get(&first.next_page().unwrap());
    assert_eq!((titles(&second).as_str(), second.previous_page()), ("32", None));
    let gone = anonymous.get(&back);
    assert_eq!((titles(&gone).as_str(), gone.previous_page()), ("", None));
    assert_eq!(titles(&anonymous.get(&gone.next_page().unwrap())), "32");
    // And everything after it.
    let third = second.next_page().unwrap();
    delete(&books[0]);
    delete(&books[1]);
    let end = anonymous.get(&third);
    assert_eq!((titles(&end).as_str(), end.next_page()), ("", None));
    assert_eq!(titles(&anonymous.get(&end.previous_page().unwrap())), "32");
    delete(&books[2]);
    delete(&books[3]);
    for path in [&third, &back, &end.previous_page().unwrap(), &gone.next_page().unwrap()] {
        assert_eq!(anonymous.get(path).expect_status(200), &json!({"items": []}), "{path}");
    }
}

fn total_counts_all_items(server: &TestServer) {
    let Clients { ada, admin, bob, .. } = Clients::create(server);
    let books = create_varied_books(&ada, &bob);
    create_reviews(server, uid(&books[6]).parse().unwrap(), 13);
    let dune = format!("/books/{}", uid(&books[6]));
    // Their first reading adds entries to the audit log.
    for path in ["/users", "/audit"] {
        admin.get(path).expect_status(200);
    }
    for path in [
        "/books?".to_owned(),
        "/books?tag=Classics&".to_owned(),
        "/books?some=reviews&".to_owned(),
        "/books?author=nobody&".to_owned(),
        "/users?".to_owned(),
        "/reviews?sort=rating&".to_owned(),
        format!("{dune}/reviews?"),
        format!("{dune}/tags?"),
        format!("{dune}/contributors?"),
        "/org/employees?".to_owned(),
        "/audit?".to_owned(),
        "/audit?action=refused&".to_owned(),
        format!("/audit?user_uid={}&", admin.uid),
        "/auth/sessions?".to_owned(),
        "/auth/keys?".to_owned(),
    ] {
        let all = all_items(&admin, path.trim_end_matches(['?', '&'])).len();
        let first = admin.get(&format!("{path}limit=2&total=true"));
        assert_eq!(first.expect_status(200)["total"], all, "{path}");
        assert_eq!(first.json.get("total_capped"), None);
        if let Some(next) = first.next_page() {
            let second = admin.get(&next);
            assert_eq!(second.json["total"], all, "the link keeps it");
            let without = admin.get(&next.replace("total=true", "total=false"));
            assert_eq!(without.json.get("total"), None, "{path}");
        }
    }
    for query in ["total=1", "total=", "total", "total=TRUE", "total=true&total=true"] {
        let refused = admin.get(&format!("/books?{query}"));
        let detail = text(refused.expect_problem("invalid-parameter"), "detail");
        assert!(detail.starts_with("total: must"), "{detail}");
    }
    let missing = format!("/books/{UNKNOWN_UID}/reviews?total=true");
    admin.get(&missing).expect_problem("not-found");
}

fn total_is_counted_up_to_limit(server: &TestServer) {
    let insert = "INSERT INTO posts (title, title_key, content, created_at, updated_at, version)";
    let time = match server.database().engine() {
        Engine::Sqlite => "0",
        Engine::Postgres => "now()",
    };
    for (rows, capped) in [(10_000, None), (1, Some(true)), (500, Some(true))] {
        let numbers = match server.database().engine() {
            Engine::Sqlite => format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT 'p', 'p', 'p', {time}, {time}, 1 FROM n"
            ),
            Engine::Postgres => {
                format!("SELECT 'p', 'p', 'p', {time}, {time}, 1 FROM generate_series(1, {rows})")
            }
        };
        server.database().execute(&format!("{insert} {numbers}")).unwrap();
        let page = server.get("/blog/posts?limit=1&total=true");
        assert_eq!(page.expect_status(200)["total"], 10_000);
        assert_eq!(page.json.get("total_capped").and_then(Value::as_bool), capped);
    }
}

/// A page of which not all items fit is cut on the side that it continues on.
fn large_pages_are_cut_both_ways(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    for number in 0..30 {
        let post = json!({"title": number.to_string(), "content": "🦀".repeat(100_000)});
        create(&ada, "/blog/posts", &post);
    }
    let whole: Vec<_> = (0..30).rev().map(|number| number.to_string()).collect();
    let all = all_items(&anonymous, "/blog/posts?limit=100");
    assert_eq!(texts(&all, "title"), whole);
    let first = anonymous.get("/blog/posts?limit=100");
    assert!((20..25).contains(&first.expect_items().len()), "{}", first.body.len());
}

fn large_item_is_refused(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let post = json!({"title": "Long", "content": "🦀".repeat(100_000)});
    let post = format!("/blog/posts/{}", id(&create(&ada, "/blog/posts", &post)));
    for number in 0..24 {
        create(&ada, &format!("{post}/comments"), &json!({"text": number.to_string()}));
    }
    let include = "include=comments(limit:100).post";
    for path in [&format!("{post}?{include}"), &format!("/blog/posts?{include}")] {
        let refused = anonymous.get(path);
        assert_eq!(refused.query_errors(), [("include", "length")], "{}", refused.text());
    }
    anonymous.get(&format!("{post}?include=comments.post")).expect_status(200);
}

fn all_pages_contain_each_item_once(server: &TestServer) {
    let clients = Clients::create(server);
    let books = create_varied_books(&clients.ada, &clients.bob);
    create_reviews(server, uid(&books[6]).parse().unwrap(), 13);
    let (tag, _) = create_books_with_tag(server, "many", 23);
    let ada = format!("/users/{}", clients.ada.uid);
    let dune = format!("/books/{}", uid(&books[6]));
    let paths = [
        "/books".to_owned(),
        "/books?sort=title".to_owned(),
        "/books?sort=-title".to_owned(),
        "/books?sort=author,-page_count".to_owned(),
        "/books?sort=-published_date,title".to_owned(),
        "/books?sort=page_count".to_owned(),
        "/books?sort=-page_count,author,created_at".to_owned(),
        "/books?sort=created_at&include=user,tags.books(limit:2)&count=reviews".to_owned(),
        "/books?tag=Classics&sort=title".to_owned(),
        "/books?language=en&published_from=1800&sort=-title".to_owned(),
        format!("/books?user_uid={}&author=e", clients.ada.uid),
        "/reviews?sort=rating".to_owned(),
        "/reviews?sort=-rating,created_at&include=user".to_owned(),
        "/tags?sort=-name".to_owned(),
        "/users?sort=username".to_owned(),
        format!("{ada}/books?sort=-title"),
        format!("{ada}/reviews?sort=rating"),
        format!("{dune}/reviews"),
        format!("{dune}/reviews?sort=rating"),
        format!("{dune}/tags?sort=name"),
        format!("/tags/{tag}/books?sort=-title"),
        format!("/tags/{tag}/books"),
    ];
    for path in paths {
        let separator = if path.contains('?') { '&' } else { '?' };
        let whole = clients.admin.get(&format!("{path}{separator}limit=100"));
        let whole = whole.expect_items().to_vec();
        assert!(whole.len() > 1, "too few items at {path}");
        for limit in [1, 3] {
            let items = all_items(&clients.admin, &format!("{path}{separator}limit={limit}"));
            assert_eq!(items, whole, "{path} by {limit}");
        }
        let once: BTreeSet<&str> = whole.iter().map(uid).collect();
        assert_eq!(once.len(), whole.len(), "{path}");
    }
}

fn text_sorts_bytewise_and_empty_last(server: &TestServer) {
    let Clients { ada, anonymous, bob, .. } = Clients::create(server);
    create_varied_books(&ada, &bob);
    let sorted = |sort: &str, field: &str| {
        let page = anonymous.get(&format!("/books?sort={sort}"));
        let values: Vec<Value> =
            page.expect_items().iter().map(|book| book[field].clone()).collect();
        json!(values)
    };
    let titles =
        json!(["Apple", "apple", "Dune", "Emma", "ﬀ and so on", "zebra", "Émile", "日本",]);
    assert_eq!(sorted("title", "title"), titles);
    let mut reversed = titles.as_array().unwrap().clone();
    reversed.reverse();
    assert_eq!(sorted("-title", "title"), json!(reversed));
    assert_eq!(
        sorted("published_date", "published_date"),
        json!(
            ["-0749", "1762", "1815-12-23", "1965-08-01", "1999", "1999-07", "1999-07-08", null,]
        )
    );
    assert_eq!(
        sorted("-published_date", "published_date"),
        json!(
            ["1999-07-08", "1999-07", "1999", "1965-08-01", "1815-12-23", "1762", "-0749", null,]
        )
    );
    assert_eq!(sorted("page_count", "page_count"), json!([12, 12, 300, 474, 512, 612, null, null]));
    assert_eq!(
        sorted("-page_count,title", "title"),
        json!(["Dune", "Émile", "Emma", "日本", "Apple", "apple", "ﬀ and so on", "zebra"])
    );
}

fn unknown_sort_fields_are_refused(server: &TestServer) {
    let Clients { anonymous, .. } = Clients::create(server);
    for sort in ["price", "", "title,", "%2Btitle", "--title", "title,-title", "Title", "user.name"]
    {
        let response = anonymous.get(&format!("/books?sort={sort}"));
        assert!(
            text(response.expect_problem("invalid-parameter"), "detail").starts_with("sort"),
            "{sort}"
        );
    }
    let response = anonymous.get("/tags?sort=title");
    let detail = text(response.expect_problem("invalid-parameter"), "detail");
    assert!(detail.contains("title") && detail.contains("name, created_at"), "{detail}");
}

fn cursor_of_another_query_is_refused(server: &TestServer) {
    let Clients { ada, admin, bob, .. } = Clients::create(server);
    let books = create_varied_books(&ada, &bob);
    let cursor_of = |path: &str| {
        let page = admin.get(path);
        text(page.expect_status(200), "next_cursor").to_owned()
    };
    let titles = cursor_of("/books?sort=title&limit=2");
    let english = cursor_of("/books?sort=title&limit=2&language=en");
    let reviews = cursor_of("/reviews?limit=1");
    let dune = format!("/books/{}/reviews", uid(&books[6]));
    let of_dune = cursor_of(&format!("{dune}?limit=1"));
    let of_emma = cursor_of(&format!("/books/{}/reviews?limit=1", uid(&books[7])));
    for (path, cursor) in [
        ("/books?", &titles),
        ("/books?sort=-title&", &titles),
        ("/books?sort=title,author&", &titles),
        ("/books?sort=title&language=en&", &titles),
        ("/books?sort=title&", &english),
        ("/books?sort=title&language=fr&", &english),
        ("/tags?", &reviews),
        (&format!("{dune}?"), &of_emma),
        (&format!("{dune}?"), &reviews),
        ("/reviews?", &of_dune),
    ] {
        let response = admin.get(&format!("{path}cursor={cursor}"));
        let detail = text(response.expect_problem("invalid-parameter"), "detail");
        assert!(detail.starts_with("cursor"), "{path}: {detail}");
    }
    // The order of the parameters does not matter.
    let again = admin.get(&format!("/books?cursor={english}&language=en&sort=title"));
    assert_eq!(again.expect_items().len(), 1);
}

fn forged_cursors_are_refused(server: &TestServer) {
    let Clients { ada, anonymous, bob, .. } = Clients::create(server);
    create_varied_books(&ada, &bob);
    let page = anonymous.get("/books?sort=title&limit=2");
    let next = text(page.expect_status(200), "next_cursor").to_owned();
    let second = anonymous.get(&format!("/books?sort=title&limit=2&cursor={next}"));
    let previous = text(second.expect_status(200), "prev_cursor").to_owned();
    for good in [next, previous] {
        refuse_forged(&anonymous, &good);
    }
}

/// Asserts that nothing like a cursor of books by title is accepted in its place.
fn refuse_forged(anonymous: &TestClient<'_>, good: &str) {
    let mut forged = vec![
        String::new(),
        "x".to_owned(),
        "garbage".to_owned(),
        "%00".to_owned(),
        "AAAA".to_owned(),
        format!("{good}AA"),
        format!("{good}=="),
        good.to_lowercase(),
        "a".repeat(4_000),
        "%F0%9F%92%A5".to_owned(),
        "null".to_owned(),
        "eyJrZXkiOjF9".to_owned(),
    ];
    // Every prefix is refused; a changed character may be another valid position.
    forged.extend((0..good.len()).map(|end| good[..end].to_owned()));
    for cursor in forged {
        let response = anonymous.get(&format!("/books?sort=title&cursor={cursor}"));
        response.expect_problem("invalid-parameter");
    }
    for at in 0..good.len() {
        let other = if &good[at..=at] == "A" { "B" } else { "A" };
        let cursor = format!("{}{other}{}", &good[..at], &good[at + 1..]);
        let response = anonymous.get(&format!("/books?sort=title&cursor={cursor}"));
        assert!([200, 400].contains(&response.status), "{cursor}: {}", response.text());
    }
    for cursors in [format!("{good}&cursor={good}"), format!("&cursor={good}")] {
        let response = anonymous.get(&format!("/books?sort=title&cursor={cursors}"));
        response.expect_problem("invalid-parameter");
    }
}

/// A cursor is the position that its item had, by the value that has changed since.
fn cursors_follow_changed_sort_values(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let books: Vec<_> = (0..6).map(|n| add_book(&ada, &format!("{n}"))).collect();
    let titles = |page: &Response| texts(page.expect_items(), "title").join("");
    let rename = |book: usize, title: &str| {
        ada.patch(&format!("/books/{}", uid(&books[book])), &json!({ "title": title }))
            .expect_status(200);
    };
    let first = anonymous.get("/books?sort=title&limit=2");
    let second = anonymous.get(&first.next_page().unwrap());
    assert_eq!((titles(&first).as_str(), titles(&second).as_str()), ("01", "23"));
    let (next, previous) = (second.next_page().unwrap(), second.previous_page().unwrap());
    // The items of both cursors move away, to either side.
    rename(3, "9");
    rename(2, "00");
    assert_eq!(titles(&anonymous.get(&next)), "45");
    assert_eq!(titles(&anonymous.get(&previous)), "001");
    let third = anonymous.get(&next);
    let last = anonymous.get(&third.next_page().unwrap());
    assert_eq!((titles(&last).as_str(), last.next_page()), ("9", None));
    // An item that was behind a cursor is before it now, and the other way around.
    rename(0, "8");
    rename(5, "01");
    assert_eq!(titles(&anonymous.get(&next)), "48");
    assert_eq!(titles(&anonymous.get(&previous)), "011");
    let all = all_items(&anonymous, "/books?sort=title&limit=2");
    assert_eq!(texts(&all, "title"), ["00", "01", "1", "4", "8", "9"]);
}

fn cursor_survives_inserts_and_deletes(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let books: Vec<_> = (0..9).map(|n| add_book(&ada, &format!("{n}"))).collect();
    let first = anonymous.get("/books?limit=3");
    assert_eq!(texts(first.expect_items(), "title"), ["8", "7", "6"]);
    // The book of the cursor and one after it are deleted, and a new first one is created.
    ada.delete(&format!("/books/{}", uid(&books[6]))).expect_status(204);
    ada.delete(&format!("/books/{}", uid(&books[4]))).expect_status(204);
    add_book(&ada, "9");
    let rest = all_items(&anonymous, &first.next_page().unwrap());
    assert_eq!(texts(&rest, "title"), ["5", "3", "2", "1", "0"]);
}

both_servers!(
    limit_defaults_and_is_capped,
    last_page_has_no_next,
    previous_pages_follow_changes,
    total_counts_all_items,
    total_is_counted_up_to_limit,
    large_pages_are_cut_both_ways,
    all_pages_contain_each_item_once,
    text_sorts_bytewise_and_empty_last,
    unknown_sort_fields_are_refused,
    cursor_of_another_query_is_refused,
    forged_cursors_are_refused,
    cursor_survives_inserts_and_deletes,
    cursors_follow_changed_sort_values,
    large_item_is_refused,
);
