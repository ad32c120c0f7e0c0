//! Pages: limits, sorting and cursors.

use std::collections::BTreeSet;

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::{Value, json};

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, all_items, text, texts, uid};
use crate::support::fixtures::{
    add_book, create_books_with_tag, create_reviews, create_varied_books,
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
            let answer = anonymous.get(&format!("{path}?limit={limit}").replace(' ', "%20"));
            assert!(
                text(answer.expect_problem("invalid-parameter"), "detail").starts_with("limit")
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
    assert_eq!(second.json.as_object().unwrap().len(), 1);
    // A cursor can be used again, and with another limit.
    assert_eq!(anonymous.get(&next).json, second.json);
    let other = anonymous.get(&next.replace("limit=2", "limit=1&count=tags"));
    assert_eq!(uid(&other.expect_items()[0]), uid(&books[1]));
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
        let answer = anonymous.get(&format!("/books?sort={sort}"));
        assert!(
            text(answer.expect_problem("invalid-parameter"), "detail").starts_with("sort"),
            "{sort}"
        );
    }
    let answer = anonymous.get("/tags?sort=title");
    let detail = text(answer.expect_problem("invalid-parameter"), "detail");
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
        let answer = admin.get(&format!("{path}cursor={cursor}"));
        let detail = text(answer.expect_problem("invalid-parameter"), "detail");
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
    let good = text(page.expect_status(200), "next_cursor").to_owned();
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
        let answer = anonymous.get(&format!("/books?sort=title&cursor={cursor}"));
        answer.expect_problem("invalid-parameter");
    }
    for at in 0..good.len() {
        let other = if &good[at..=at] == "A" { "B" } else { "A" };
        let cursor = format!("{}{other}{}", &good[..at], &good[at + 1..]);
        let answer = anonymous.get(&format!("/books?sort=title&cursor={cursor}"));
        assert!([200, 400].contains(&answer.status), "{cursor}: {}", answer.text());
    }
    for cursors in [format!("{good}&cursor={good}"), format!("&cursor={good}")] {
        let answer = anonymous.get(&format!("/books?sort=title&cursor={cursors}"));
        answer.expect_problem("invalid-parameter");
    }
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
    all_pages_contain_each_item_once,
    text_sorts_bytewise_and_empty_last,
    unknown_sort_fields_are_refused,
    cursor_of_another_query_is_refused,
    forged_cursors_are_refused,
    cursor_survives_inserts_and_deletes,
);
