//! Authors, and the contributors of books: ordered, each with a role.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::{Value, json};

use crate::support::accounts::Clients;
use crate::support::assertions::{
    Expect as _, all_items, array, field_names, text, texts, timestamp, uid,
};
use crate::support::fixtures::{UNKNOWN_UID, add_book, create};

/// Returns the contributors of a book.
fn contributors(server: &TestServer, book: &Value) -> Vec<Value> {
    let path = format!("/books/{}?include=contributors(limit:100)", uid(book));
    array(server.get(&path).expect_status(200), "contributors").to_vec()
}

fn contributors_follow_the_author_field(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let body = json!({"title": "The Odyssey", "author": "Homer, Robert Fagles, HOMER"});
    let book = create(&ada, "/books", &body);
    // The response has only the lists of the body.
    assert_eq!(book.get("contributors"), None);
    assert_eq!(text(&book, "author"), "Homer, Robert Fagles, HOMER");
    let authors = contributors(server, &book);
    assert_eq!(texts(&authors, "name"), ["Homer", "Robert Fagles"]);
    let homer = &authors[0];
    assert_eq!(field_names(homer), ["created_at", "name", "position", "role", "uid", "updated_at"]);
    assert_eq!((&homer["position"], &homer["role"]), (&json!(1), &json!("author")));

    let path = format!("/books/{}", uid(&book));
    // An equal author field keeps their roles.
    let roles = json!({"contributors": [{"name": "Homer"}, {"name": "Robert Fagles", "role": "translator"}]});
    ada.put(&format!("{path}/contributors"), &roles).expect_status(200);
    ada.patch(&path, &json!({"title": "T", "author": "Homer, Robert Fagles"})).expect_status(200);
    assert_eq!(texts(&contributors(server, &book), "role"), ["author", "translator"]);
    // Another author field replaces them.
    ada.patch(&path, &json!({"author": "Robert Fagles, Emily Wilson"})).expect_status(200);
    let authors = contributors(server, &book);
    assert_eq!(texts(&authors, "name"), ["Robert Fagles", "Emily Wilson"]);
    assert_eq!(texts(&authors, "role"), ["author", "author"]);
}

fn administrators_rename_and_delete_authors(server: &TestServer) {
    let Clients { ada, admin, .. } = Clients::create(server);
    let body = json!({"title": "The Odyssey", "author": "Homer, Robert Fagles"});
    let book = create(&ada, "/books", &body);
    let authors = contributors(server, &book);
    let [homer, fagles] = [0, 1].map(|index| format!("/authors/{}", uid(&authors[index])));
    let rename = |name: &str| json!({ "name": name });
    ada.patch(&homer, &rename("Homeros")).expect_problem("forbidden");
    ada.delete(&homer).expect_problem("forbidden");
    let renamed = admin.patch(&homer, &rename("Homeros")).expect_status(200).clone();
    assert_eq!(text(&renamed, "name"), "Homeros");
    assert!(timestamp(&renamed, "updated_at") > timestamp(&authors[0], "updated_at"));
    let taken = admin.patch(&homer, &rename("ROBERT FAGLES"));
    let existing = format!("/api/v1{fagles}");
    assert_eq!(text(taken.expect_problem("author-exists"), "existing"), existing);
    admin.patch(&homer, &rename("HOMEROS")).expect_status(200);
    assert_eq!(admin.patch(&homer, &rename(" ")).violations(), ["/name"]);
    admin.patch(&format!("/authors/{UNKNOWN_UID}"), &rename("x")).expect_problem("not-found");
    // Credit lines stay as they are.
    let path = format!("/books/{}", uid(&book));
    let unchanged = server.get(&path).expect_status(200).clone();
    assert_eq!(text(&unchanged, "author"), "Homer, Robert Fagles");
    let refused = admin.delete(&fagles);
    assert!(text(refused.expect_problem("still-referenced"), "detail").contains("books (1)"));
    ada.patch(&path, &json!({"author": "Homeros"})).expect_status(200);
    admin.delete(&fagles).expect_status(204);
    admin.delete(&fagles).expect_problem("not-found");
    let actions = admin.get("/audit?action=content.changed");
    assert!(text(&actions.expect_items()[0], "detail").starts_with("author "));
}

fn put_replaces_contributors(server: &TestServer) {
    let Clients { ada, admin, anonymous, bob } = Clients::create(server);
    let book = add_book(&ada, "Emma");
    let path = format!("/books/{}/contributors", uid(&book));
    let body = json!({"contributors": [
        {"name": " Fiona Stafford", "role": "introduction"}, {"name": "JANE AUSTEN"},
        {"name": "Hugh Thomson", "role": "illustrator"},
    ]});
    anonymous.put(&path, &body).expect_problem("unauthenticated");
    bob.put(&path, &body).expect_problem("forbidden");
    ada.put(&format!("/books/{UNKNOWN_UID}/contributors"), &body).expect_problem("not-found");
    let changed = ada.put(&path, &body).expect_status(200).clone();
    // The author field is as sent; existing authors keep their names.
    assert_eq!(text(&changed, "author"), "Fiona Stafford, JANE AUSTEN, Hugh Thomson");
    assert!(timestamp(&changed, "updated_at") > timestamp(&book, "updated_at"));
    let authors = array(&changed, "contributors");
    assert_eq!(texts(authors, "name"), ["Fiona Stafford", "Jane Austen", "Hugh Thomson"]);
    assert_eq!(texts(authors, "role"), ["introduction", "author", "illustrator"]);
    let positions: Vec<_> = authors.iter().map(|one| one["position"].clone()).collect();
    assert_eq!(positions, [1, 2, 3]);
    // An equal list changes nothing.
    assert_eq!(admin.put(&path, &body).expect_status(200), &changed);
    let found = server.get("/books?author=jane%20austen&sort=author");
    assert_eq!(found.expect_items().len(), 1);
}

fn invalid_contributors_are_refused(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let path = format!("/books/{}/contributors", uid(&add_book(&ada, "Emma")));
    let contributors =
        |count: usize| (0..count).map(|n| json!({"name": n.to_string()})).collect::<Value>();
    let long = |c: char| json!({"name": c.to_string().repeat(500)});
    let cases: [(Value, &[&str]); 7] = [
        (json!([]), &["/contributors"]),
        (json!(null), &["/contributors"]),
        (json!({}), &["/contributors"]),
        // A name may occur once.
        (
            json!([{"name": "A"}, {"name": "B"}, {"name": "C"}, {"name": "a"}]),
            &["/contributors/3/name"],
        ),
        (
            json!([
                {"name": ""}, {"name": "A", "role": "cook"}, {"role": "author"},
                {"name": 1, "x": 2},
            ]),
            &[
                "/contributors/0/name",
                "/contributors/1/role",
                "/contributors/2/name",
                "/contributors/3/name",
                "/contributors/3/x",
            ],
        ),
        (contributors(101), &["/contributors"]),
        // The author field would be too long.
        (json!([long('a'), long('b')]), &["/contributors"]),
    ];
    for (list, violations) in cases {
        let response = ada.put(&path, &json!({"contributors": list}));
        assert_eq!(response.violations(), violations, "{list}");
    }
    assert_eq!(ada.put(&path, &json!({})).violations(), ["/contributors"]);
    let longest = ada.put(&path, &json!({"contributors": contributors(100)}));
    let names = texts(array(longest.expect_status(200), "contributors"), "name");
    assert_eq!((names.len(), names[99]), (100, "99"));
}

fn author_lists_credited_books(server: &TestServer) {
    let Clients { ada, bob, .. } = Clients::create(server);
    let emma = add_book(&ada, "Emma");
    let other = json!({"title": "Northanger", "author": "Val McDermid, Jane Austen"});
    let other = create(&bob, "/books", &other);
    let page = server.get("/authors?sort=name&count=books&include=books.contributors");
    let authors = page.expect_items();
    assert_eq!(texts(authors, "name"), ["Jane Austen", "Val McDermid"]);
    let austen = &authors[0];
    assert_eq!(austen["books_count"], 2);
    let books = array(austen, "books");
    assert_eq!(texts(books, "title"), ["Northanger", "Emma"]);
    assert_eq!(books[0]["position"], 2);
    assert_eq!(texts(array(&books[0], "contributors"), "name"), ["Val McDermid", "Jane Austen"]);

    let path = format!("/authors/{}", uid(austen));
    let item = server.get(&path).expect_status(200).clone();
    assert_eq!(field_names(&item), ["created_at", "name", "uid", "updated_at"]);
    let books = server.get(&format!("{path}/books?sort=title"));
    assert_eq!(texts(books.expect_items(), "title"), ["Emma", "Northanger"]);
    server.get(&format!("/authors/{UNKNOWN_UID}")).expect_problem("not-found");
    server.get(&format!("/authors/{UNKNOWN_UID}/books")).expect_problem("not-found");
    server.get("/authors?sort=position").expect_problem("invalid-parameter");
    server.get(&format!("{path}/books?sort=position")).expect_problem("invalid-parameter");
    ada.post("/authors", &json!({"name": "X"})).expect_problem("method-not-allowed");

    // Authors remain when their books are deleted.
    for (client, book) in [(&ada, &emma), (&bob, &other)] {
        client.delete(&format!("/books/{}", uid(book))).expect_status(204);
    }
    assert_eq!(server.get(&format!("{path}?count=books")).expect_status(200)["books_count"], 0);
}

fn contributors_next_continues_in_link_order(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let all: Vec<String> = (0..30).map(|n| format!("{}{n}", ["z", "A", "m"][n % 3])).collect();
    let book = create(&ada, "/books", &json!({"title": "T", "author": all.join(", ")}));
    add_book(&ada, "Another");
    let backwards: Vec<String> = all.iter().rev().cloned().collect();
    for (include, expected) in [
        ("contributors", &all),
        ("contributors(limit:7)", &all),
        ("contributors(limit:7,sort:-position)", &backwards),
        ("contributors(limit:4,sort:position)", &all),
    ] {
        for path in [
            format!("/books/{}?include={include}", uid(&book)),
            format!("/books?include={include}&sort=-title"),
        ] {
            let response = server.get(&path);
            let body = response.expect_status(200);
            let book = body.get("items").map_or(body, |items| &items[0]);
            let mut authors = array(book, "contributors").to_vec();
            authors.extend(all_items(&anonymous, text(book, "contributors_next")));
            assert_eq!(texts(&authors, "name"), *expected, "{path}");
        }
    }
    // The page of the relation has the same order, to which its cursor is bound.
    let page = server.get(&format!("/books/{}/contributors?limit=3", uid(&book)));
    assert_eq!(texts(page.expect_items(), "name"), ["z0", "A1", "m2"]);
    let next = page.next_page().unwrap();
    server.get(&format!("{next}&sort=name")).expect_problem("invalid-parameter");
}

fn post_accepts_tags_and_contributors(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let body = json!({
        "title": "The Odyssey",
        "tags": [{"name": "epic"}, {"name": "Epic"}, {"name": "greek"}],
        "contributors": [{"name": "Homer"}, {"name": "Robert Fagles", "role": "translator"}],
    });
    anonymous.post("/books", &body).expect_problem("unauthenticated");
    let response = ada.post("/books", &body);
    let book = response.expect_status(201);
    assert_eq!(response.header("location").unwrap(), format!("/api/v1/books/{}", uid(book)));
    assert_eq!(text(book, "author"), "Homer, Robert Fagles");
    assert_eq!(texts(array(book, "contributors"), "name"), ["Homer", "Robert Fagles"]);
    let mut tags = texts(array(book, "tags"), "name");
    tags.sort_unstable();
    assert_eq!(tags, ["epic", "greek"]);
    let path = format!("/books/{}?include=contributors(limit:100),tags(limit:100)", uid(book));
    assert_eq!(server.get(&path).expect_status(200), book);

    let body = json!({"title": "T", "author": "A", "tags": []});
    let without_tags = create(&ada, "/books", &body);
    assert_eq!(
        (&without_tags["tags"], without_tags.get("contributors")),
        (&json!([]), None),
        "the response has only the lists of the body"
    );
    let invalid = json!({
        "title": "T", "author": "B", "tags": [{"name": ""}, {"title": "x"}],
        "contributors": [{"name": "A"}, {"name": "a"}], "isbn": "1",
    });
    assert_eq!(
        ada.post("/books", &invalid).violations(),
        ["/contributors/1/name", "/isbn", "/tags/0/name", "/tags/1/name", "/tags/1/title"]
    );
    let invalid = json!({"title": "T", "author": "B", "contributors": [{"name": "A"}]});
    assert_eq!(ada.post("/books", &invalid).violations(), ["/author"]);
    // A refused book creates no authors.
    assert_eq!(server.get("/books?count=tags").expect_items().len(), 2);
    let page = server.get("/authors?sort=name");
    assert_eq!(texts(page.expect_items(), "name"), ["A", "Homer", "Robert Fagles"]);
}

fn concurrent_puts_of_same_contributors_succeed(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let books: Vec<Value> = (0..6).map(|n| add_book(&ada, &format!("T{n}"))).collect();
    let names: Vec<Value> = (0..40).map(|n| json!({"name": format!("N{n}")})).collect();
    std::thread::scope(|scope| {
        for (book, turn) in books.iter().zip(0..) {
            let (ada, mut names) = (&ada, names.clone());
            names.rotate_left(turn * 7);
            scope.spawn(move || {
                let path = format!("/books/{}/contributors", uid(book));
                ada.put(&path, &json!({"contributors": names})).expect_status(200);
            });
        }
    });
    for (book, turn) in books.iter().zip(0..) {
        let authors = contributors(server, book);
        assert_eq!(authors.len(), 40);
        assert_eq!(authors[0]["name"], format!("N{}", turn * 7));
    }
    assert_eq!(server.get("/authors?limit=100").expect_items().len(), 41);
}

both_servers!(
    administrators_rename_and_delete_authors,
    contributors_follow_the_author_field,
    put_replaces_contributors,
    invalid_contributors_are_refused,
    author_lists_credited_books,
    contributors_next_continues_in_link_order,
    post_accepts_tags_and_contributors,
    concurrent_puts_of_same_contributors_succeed,
);
