//! Authors, and whom books credit: in order, each with a role.

use recto_testkit::both_servers;
use recto_testkit::server::TestServer;
use serde_json::{Value, json};

use crate::support::accounts::Clients;
use crate::support::assertions::{Expect as _, field_names, items, text, texts, timestamp, uid};
use crate::support::fixtures::{UNKNOWN_UID, add_book};

/// Names of the contributors that stand in a book, or on a page.
fn names(contributors: &Value) -> Vec<&str> {
    texts(contributors.as_array().expect("the contributors are there"), "name")
}

fn credited(server: &TestServer, book: &Value) -> Value {
    let path = format!("/books/{}?include=contributors(limit:100)", uid(book));
    server.get(&path).expect_status(200).clone()
}

fn a_credit_line_names_the_contributors(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let body = json!({"title": "The Odyssey", "author": "Homer, Robert Fagles, HOMER"});
    let book = ada.post("/books", &body).expect_status(201).clone();
    // What was not sent is not shown.
    assert_eq!(book.get("contributors"), None);
    assert_eq!(text(&book, "author"), "Homer, Robert Fagles, HOMER");
    let shown = credited(server, &book);
    assert_eq!(names(&shown["contributors"]), ["Homer", "Robert Fagles"]);
    let homer = &shown["contributors"][0];
    assert_eq!(field_names(homer), ["created_at", "name", "position", "role", "uid", "updated_at"]);
    assert_eq!((&homer["position"], &homer["role"]), (&json!(1), &json!("author")));

    let path = format!("/books/{}", uid(&book));
    // Another title leaves them, and so does the line that is there.
    let roles = json!({"contributors": [{"name": "Homer"}, {"name": "Robert Fagles", "role": "translator"}]});
    ada.put(&format!("{path}/contributors"), &roles).expect_status(200);
    ada.patch(&path, &json!({"title": "T", "author": "Homer, Robert Fagles"})).expect_status(200);
    assert_eq!(texts(items_of(&credited(server, &book)), "role"), ["author", "translator"]);
    // Another line names others, all of them authors.
    ada.patch(&path, &json!({"author": "Robert Fagles, Emily Wilson"})).expect_status(200);
    let shown = credited(server, &book);
    assert_eq!(names(&shown["contributors"]), ["Robert Fagles", "Emily Wilson"]);
    assert_eq!(texts(items_of(&shown), "role"), ["author", "author"]);
}

fn items_of(book: &Value) -> &[Value] {
    book["contributors"].as_array().expect("the contributors are there")
}

fn put_sets_whom_a_book_credits(server: &TestServer) {
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
    // The line is as it was sent; people keep the name they had.
    assert_eq!(text(&changed, "author"), "Fiona Stafford, JANE AUSTEN, Hugh Thomson");
    assert!(timestamp(&changed, "updated_at") > timestamp(&book, "updated_at"));
    assert_eq!(names(&changed["contributors"]), ["Fiona Stafford", "Jane Austen", "Hugh Thomson"]);
    assert_eq!(texts(items_of(&changed), "role"), ["introduction", "author", "illustrator"]);
    let positions: Vec<_> = items_of(&changed).iter().map(|one| one["position"].clone()).collect();
    assert_eq!(positions, [1, 2, 3]);
    // Again, by somebody who may: nothing changes.
    assert_eq!(admin.put(&path, &body).expect_status(200), &changed);
    // They can be found by the line, as ever.
    let found = server.get("/books?author=jane%20austen&sort=author");
    assert_eq!(found.expect_items().len(), 1);
    // Nobody is credited twice, and somebody is credited.
    let wrong = |list: Value| {
        let answer = ada.put(&path, &json!({"contributors": list}));
        answer.violations().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(wrong(json!([])), ["/contributors"]);
    assert_eq!(wrong(json!(null)), ["/contributors"]);
    assert_eq!(wrong(json!({})), ["/contributors"]);
    assert_eq!(
        wrong(json!([{"name": "A"}, {"name": "B"}, {"name": "C"}, {"name": "a"}])),
        ["/contributors/3/name"]
    );
    assert_eq!(
        wrong(
            json!([{"name": ""}, {"name": "A", "role": "cook"}, {"role": "author"}, {"name": 1, "x": 2}])
        ),
        [
            "/contributors/0/name",
            "/contributors/1/role",
            "/contributors/2/name",
            "/contributors/3/name",
            "/contributors/3/x"
        ]
    );
    let many = |count: usize| (0..count).map(|n| json!({"name": n.to_string()})).collect::<Value>();
    assert_eq!(wrong(many(101)), ["/contributors"]);
    // Together they are longer than a credit line.
    let long = |c: char| json!({"name": c.to_string().repeat(500)});
    assert_eq!(wrong(json!([long('a'), long('b')])), ["/contributors"]);
    assert_eq!(ada.put(&path, &json!({})).violations(), ["/contributors"]);
    let hundred = ada.put(&path, &json!({"contributors": many(100)})).expect_status(200).clone();
    assert_eq!(items_of(&hundred).len(), 100);
    assert_eq!(items_of(&hundred)[99]["name"], "99");
}

fn an_author_leads_to_the_books(server: &TestServer) {
    let Clients { ada, bob, .. } = Clients::create(server);
    let emma = add_book(&ada, "Emma");
    let other = json!({"title": "Northanger", "author": "Val McDermid, Jane Austen"});
    let other = bob.post("/books", &other).expect_status(201).clone();
    let page = server.get("/authors?sort=name&count=books&include=books.contributors");
    let page = page.expect_status(200);
    assert_eq!(texts(items(page), "name"), ["Jane Austen", "Val McDermid"]);
    let austen = &items(page)[0];
    assert_eq!(austen["books_count"], 2);
    assert_eq!(texts(austen["books"].as_array().unwrap(), "title"), ["Northanger", "Emma"]);
    assert_eq!(austen["books"][0]["position"], 2);
    assert_eq!(names(&austen["books"][0]["contributors"]), ["Val McDermid", "Jane Austen"]);

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

    // Books go, whoever wrote them stays.
    for (client, book) in [(&ada, &emma), (&bob, &other)] {
        client.delete(&format!("/books/{}", uid(book))).expect_status(204);
    }
    assert_eq!(server.get(&format!("{path}?count=books")).expect_status(200)["books_count"], 0);
}

fn the_rest_of_the_contributors_is_behind_the_url(server: &TestServer) {
    let Clients { ada, .. } = Clients::create(server);
    let all: Vec<String> = (0..30).map(|n| format!("{}{n}", ["z", "A", "m"][n % 3])).collect();
    let body = json!({"title": "T", "author": all.join(", ")});
    let book = ada.post("/books", &body).expect_status(201).clone();
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
            let answer = server.get(&path);
            let first = answer.expect_status(200);
            let first = first.get("items").map_or(first, |items| &items[0]);
            let mut walked: Vec<String> =
                names(&first["contributors"]).into_iter().map(str::to_owned).collect();
            let mut next = Some(text(first, "contributors_next").to_owned());
            while let Some(url) = next {
                let answer = server.get(&url);
                walked.extend(texts(answer.expect_items(), "name").into_iter().map(str::to_owned));
                next = answer.next_page();
            }
            assert_eq!(&walked, expected, "{path}");
        }
    }
    // The page by itself is in the same order, and a cursor is bound to it.
    let page = server.get(&format!("/books/{}/contributors?limit=3", uid(&book)));
    assert_eq!(texts(page.expect_items(), "name"), ["z0", "A1", "m2"]);
    let next = page.next_page().unwrap();
    server.get(&format!("{next}&sort=name")).expect_problem("invalid-parameter");
}

fn a_book_comes_with_its_tags_and_contributors(server: &TestServer) {
    let Clients { ada, anonymous, .. } = Clients::create(server);
    let body = json!({
        "title": "The Odyssey",
        "tags": [{"name": "epic"}, {"name": "Epic"}, {"name": "greek"}],
        "contributors": [{"name": "Homer"}, {"name": "Robert Fagles", "role": "translator"}],
    });
    anonymous.post("/books", &body).expect_problem("unauthenticated");
    let answer = ada.post("/books", &body);
    let book = answer.expect_status(201).clone();
    assert_eq!(answer.header("location").unwrap(), format!("/api/v1/books/{}", uid(&book)));
    assert_eq!(text(&book, "author"), "Homer, Robert Fagles");
    assert_eq!(names(&book["contributors"]), ["Homer", "Robert Fagles"]);
    let mut tags = names(&book["tags"]);
    tags.sort_unstable();
    assert_eq!(tags, ["epic", "greek"]);
    let path = format!("/books/{}?include=contributors(limit:100),tags(limit:100)", uid(&book));
    assert_eq!(server.get(&path).expect_status(200), &book);
    // Empty lists: of tags none are asked for, and somebody must be credited.
    let body = json!({"title": "T", "author": "A", "tags": []});
    let bare = ada.post("/books", &body).expect_status(201).clone();
    assert_eq!((&bare["tags"], bare.get("contributors")), (&json!([]), None));
    let wrong = json!({
        "title": "T", "author": "B", "tags": [{"name": ""}, {"title": "x"}],
        "contributors": [{"name": "A"}, {"name": "a"}], "isbn": "1",
    });
    assert_eq!(
        ada.post("/books", &wrong).violations(),
        ["/contributors/1/name", "/isbn", "/tags/0/name", "/tags/1/name", "/tags/1/title"]
    );
    let wrong = json!({"title": "T", "author": "B", "contributors": [{"name": "A"}]});
    assert_eq!(ada.post("/books", &wrong).violations(), ["/author"]);
    // What is refused leaves nothing: nobody of that name has been made.
    assert_eq!(
        server.get("/books?count=tags").expect_status(200)["items"].as_array().unwrap().len(),
        2
    );
    let page = server.get("/authors?sort=name");
    assert_eq!(texts(page.expect_items(), "name"), ["A", "Homer", "Robert Fagles"]);
}

fn two_who_credit_the_same_people_at_once_both_do(server: &TestServer) {
    let clients = Clients::create(server);
    let books: Vec<Value> = (0..6).map(|n| add_book(&clients.ada, &format!("T{n}"))).collect();
    let people: Vec<Value> = (0..40).map(|n| json!({"name": format!("N{n}")})).collect();
    std::thread::scope(|scope| {
        for (book, turn) in books.iter().zip(0..) {
            let (clients, mut people) = (&clients, people.clone());
            people.rotate_left(turn * 7);
            scope.spawn(move || {
                let path = format!("/books/{}/contributors", uid(book));
                clients.ada.put(&path, &json!({"contributors": people})).expect_status(200);
            });
        }
    });
    for (book, turn) in books.iter().zip(0..) {
        let shown = credited(server, book);
        assert_eq!(items_of(&shown).len(), 40);
        assert_eq!(items_of(&shown)[0]["name"], format!("N{}", turn * 7));
    }
    assert_eq!(
        server.get("/authors?limit=100").expect_status(200)["items"].as_array().unwrap().len(),
        41
    );
}

both_servers!(
    a_credit_line_names_the_contributors,
    put_sets_whom_a_book_credits,
    an_author_leads_to_the_books,
    the_rest_of_the_contributors_is_behind_the_url,
    a_book_comes_with_its_tags_and_contributors,
    two_who_credit_the_same_people_at_once_both_do,
);
