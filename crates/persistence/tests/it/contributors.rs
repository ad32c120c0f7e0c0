//! The contributors of books: order, roles and uniqueness.

use recto_domain::{
    Author, AuthorBooks, Book, BookContributors, BookId, ContributorRole, Contributors, CreditLine,
    Input as _,
};
use recto_persistence::catalog::{BookFilter, Creator, author};
use recto_persistence::{Connection, PageRequest, SystemIds, migrations};
use recto_relations::{Entity as _, Filter, Include, Relation as _, Sort};
use recto_testkit::both_engines;
use recto_testkit::database::{Engine, FreshDatabase};
use serde_json::{Value, json};

use crate::support::catalogue::Catalogue;
use crate::support::generate::walk;

both_engines!(
    contributors_are_in_credit_line_order,
    setting_contributors_replaces_them,
    pages_follow_link_order,
    each_book_has_its_first_contributors,
    deleting_either_end_deletes_links,
    constraints_refuse_invalid_contributors,
    crediting_looks_authors_up_once,
    migration_credits_existing_books,
);

fn contributors(list: &Value) -> Contributors {
    Contributors::parse(&json!({"contributors": list})).unwrap()
}

fn line(names: &str) -> Contributors {
    Contributors::of_line(&CreditLine::parse(names).unwrap())
}

/// Inserts a book with contributors.
fn credited(c: &mut Catalogue, conn: &mut Connection, contributors: &Contributors) -> BookId {
    let uid = c.book(&json!({"title": "T", "author": contributors.line().as_str()}), None);
    conn.insert(c.books.last().unwrap().clone()).unwrap();
    author::set_contributors(conn, &Creator::nobody(&SystemIds), uid, contributors).unwrap();
    uid
}

/// Returns position, role and name of the contributors of a book.
fn credits(conn: &mut Connection, uid: BookId) -> Vec<(u32, ContributorRole, String)> {
    let include = Include::parse(Book::INFO, "contributors(limit:100)").unwrap();
    let found = conn.find::<Book>(uid, &include).unwrap().unwrap();
    let contributors = found.view(0).unwrap().get(BookContributors).unwrap();
    contributors
        .map(|author| {
            let link = author.link(BookContributors).unwrap();
            (link.position, link.role, author.name.as_str().to_owned())
        })
        .collect()
}

fn named(credits: &[(u32, ContributorRole, String)]) -> Vec<(u32, &str, &str)> {
    credits.iter().map(|(position, role, name)| (*position, role.as_str(), name.as_str())).collect()
}

fn parse_sort(raw: &str) -> Sort {
    Sort::parse_along(BookContributors::INFO, raw).unwrap()
}

fn contributors_are_in_credit_line_order(database: &FreshDatabase) {
    let (mut c, mut conn) = (Catalogue::empty(), database.connection());
    let conn = &mut conn;
    // Neither names nor keys are in order.
    let first = credited(&mut c, conn, &line("Zoë, Émile, Ada"));
    let second = credited(&mut c, conn, &line("ada, ZOË, Bob, Ada"));
    assert_eq!(
        named(&credits(conn, first)),
        [(1, "author", "Zoë"), (2, "author", "Émile"), (3, "author", "Ada")]
    );
    // Names are compared without case; the first spelling remains.
    assert_eq!(
        named(&credits(conn, second)),
        [(1, "author", "Ada"), (2, "author", "Zoë"), (3, "author", "Bob")]
    );
    let all = conn
        .page::<Author>(&None, &Filter::everything(), &PageRequest::newest(10), &Include::nothing())
        .unwrap();
    assert_eq!(all.entities.as_slice().len(), 4);
    // In the other direction, the newest book is first.
    let ada = all.entities.as_slice().iter().find(|author| author.name.as_str() == "Ada").unwrap();
    let include = Include::parse(Author::INFO, "books").unwrap();
    let found = conn.find::<Author>(ada.uid, &include).unwrap().unwrap();
    let books: Vec<_> = found.view(0).unwrap().get(AuthorBooks).unwrap().collect();
    let places: Vec<_> =
        books.iter().map(|book| book.link(AuthorBooks).unwrap().position).collect();
    assert_eq!(books.iter().map(|book| book.uid).collect::<Vec<_>>(), [second, first]);
    assert_eq!(places, [1, 3]);
}

fn setting_contributors_replaces_them(database: &FreshDatabase) {
    let (mut c, mut conn) = (Catalogue::empty(), database.connection());
    let conn = &mut conn;
    let uid = credited(&mut c, conn, &line("Homer, Robert Fagles"));
    let other = contributors(&json!([
        {"name": "Bernard Knox", "role": "introduction"},
        {"name": "ROBERT FAGLES", "role": "translator"},
        {"name": "Homer"},
    ]));
    author::set_contributors(conn, &Creator::nobody(&SystemIds), uid, &other).unwrap();
    let expected = [
        (1, "introduction", "Bernard Knox"),
        (2, "translator", "Robert Fagles"),
        (3, "author", "Homer"),
    ];
    assert_eq!(named(&credits(conn, uid)), expected);
    // Setting them again changes nothing, and authors without books remain.
    author::set_contributors(conn, &Creator::nobody(&SystemIds), uid, &other).unwrap();
    assert_eq!(named(&credits(conn, uid)), expected);
    author::set_contributors(conn, &Creator::nobody(&SystemIds), uid, &line("Homer")).unwrap();
    assert_eq!(named(&credits(conn, uid)), [(1, "author", "Homer")]);
    let all = conn
        .page::<Author>(&None, &Filter::everything(), &PageRequest::newest(10), &Include::nothing())
        .unwrap();
    assert_eq!(all.entities.as_slice().len(), 3);
}

fn pages_follow_link_order(database: &FreshDatabase) {
    let (mut c, mut conn) = (Catalogue::empty(), database.connection());
    let conn = &mut conn;
    let names: Vec<String> = (0..23).map(|n| format!("{} {n}", ["b", "C", "a"][n % 3])).collect();
    let uid = credited(&mut c, conn, &line(&names.join(", ")));
    credited(&mut c, conn, &line("a 2, b 0, somebody else"));
    let backwards: Vec<String> = names.iter().rev().cloned().collect();
    for (sort, expected) in [("position", &names), ("-position", &backwards)] {
        for limit in [1, 2, 7, 22, 23, 100] {
            let walked = walk::<Author>(&parse_sort(sort), limit, |request| {
                conn.related::<BookContributors>(uid, request, &Include::nothing())
                    .unwrap()
                    .unwrap()
            });
            let walked: Vec<_> = walked.iter().map(|author| author.name.to_string()).collect();
            assert_eq!(&walked, expected, "sort={sort}&limit={limit}");
        }
    }
    // A field of the authors.
    let by_name = walk::<Author>(&parse_sort("name"), 5, |request| {
        conn.related::<BookContributors>(uid, request, &Include::nothing()).unwrap().unwrap()
    });
    assert!(by_name.is_sorted_by_key(|author| author.name.key()));
    assert_eq!(by_name.len(), names.len());
}

fn each_book_has_its_first_contributors(database: &FreshDatabase) {
    let (mut c, mut conn) = (Catalogue::empty(), database.connection());
    let conn = &mut conn;
    let lines = ["Ada, Bob, Cleo", "Cleo, Bob", "Bob", "Dora, Ada, Bob, Cleo"];
    let books: Vec<BookId> =
        lines.iter().map(|names| credited(&mut c, conn, &line(names))).collect();
    for (include, expected) in [
        ("contributors(limit:2)", ["Dora, Ada…", "Bob", "Cleo, Bob", "Ada, Bob…"]),
        ("contributors", ["Dora, Ada, Bob, Cleo", "Bob", "Cleo, Bob", "Ada, Bob, Cleo"]),
        ("contributors(limit:2,sort:-position)", ["Cleo, Bob…", "Bob", "Bob, Cleo", "Cleo, Bob…"]),
        ("contributors(limit:1,sort:name)", ["Ada…", "Bob", "Bob…", "Ada…"]),
    ] {
        let parsed = Include::parse(Book::INFO, include).unwrap();
        assert_eq!(parsed.to_string().replace("(limit:20)", ""), include);
        let (found, statements) = conn.recording(|conn| {
            conn.page::<Book>(
                &BookFilter::default(),
                &Filter::everything(),
                &PageRequest::newest(10),
                &parsed,
            )
        });
        let found = found.unwrap();
        assert_eq!(statements.len(), 2);
        assert_eq!(found.entities.as_slice().len(), books.len());
        let lines: Vec<String> = found
            .entities
            .iter()
            .map(|book| {
                let contributors = book.get(BookContributors).unwrap();
                let more = if contributors.more() { "…" } else { "" };
                let names: Vec<_> = contributors.map(|author| author.name.to_string()).collect();
                names.join(", ") + more
            })
            .collect();
        assert_eq!(lines, expected, "{include}");
    }
}

fn deleting_either_end_deletes_links(database: &FreshDatabase) {
    let (mut c, mut conn) = (Catalogue::empty(), database.connection());
    let conn = &mut conn;
    let first = credited(&mut c, conn, &line("Ada, Bob"));
    let second = credited(&mut c, conn, &line("Bob, Ada"));
    assert!(conn.delete::<Book>(first).unwrap());
    assert_eq!(named(&credits(conn, second)), [(1, "author", "Bob"), (2, "author", "Ada")]);
    database.execute("DELETE FROM authors WHERE name = 'Bob'").unwrap();
    assert_eq!(named(&credits(conn, second)), [(2, "author", "Ada")]);
}

fn constraints_refuse_invalid_contributors(database: &FreshDatabase) {
    let (mut c, mut conn) = (Catalogue::empty(), database.connection());
    credited(&mut c, &mut conn, &line("Ada, Bob"));
    for wrong in [
        "UPDATE book_contributors SET position = 1",
        "UPDATE book_contributors SET position = 0 WHERE position = 1",
        "UPDATE book_contributors SET role = 'cook'",
        "INSERT INTO book_contributors SELECT book_id, author_id, position + 5, role FROM book_contributors",
        "UPDATE authors SET name_key = 'x'",
        "UPDATE authors SET name = ''",
    ] {
        database.execute(wrong).expect_err(wrong);
    }
}

fn crediting_looks_authors_up_once(database: &FreshDatabase) {
    let (mut c, mut conn) = (Catalogue::empty(), database.connection());
    let conn = &mut conn;
    let names: Vec<String> = (0..40).map(|number| format!("N{number}")).collect();
    for known in [false, true] {
        let credits: Vec<(BookId, Contributors)> = names
            .chunks(4)
            .map(|chunk| {
                let credits = line(&chunk.join(", "));
                let uid = c.book(&json!({"title": "T", "author": credits.line().as_str()}), None);
                conn.insert(c.books.last().unwrap().clone()).unwrap();
                (uid, credits)
            })
            .collect();
        let credits: Vec<_> = credits.iter().map(|(uid, credits)| (*uid, credits)).collect();
        let (made, statements) = conn.recording(|conn| {
            author::add_contributors(conn, &Creator::nobody(&SystemIds), &credits)
        });
        assert_eq!(made.unwrap(), (if known { 0 } else { 40 }, 40));
        // SQLite runs one statement for each row.
        let rows = match (database.engine(), known) {
            (Engine::Sqlite, false) => 80,
            (Engine::Sqlite, true) => 40,
            (Engine::Postgres, false) => 2,
            (Engine::Postgres, true) => 1,
        };
        assert_eq!(statements.len(), 1 + rows, "{statements:#?}");
    }
}

fn migration_credits_existing_books(database: &FreshDatabase) {
    let (mut c, mut conn) = (Catalogue::small(), database.connection());
    let conn = &mut conn;
    // As before the tables existed.
    c.authors.clear();
    c.credits.clear();
    for author in [
        "Homer, Robert Fagles, HOMER, Bernard Knox",
        ",, ,  , x",
        "STRASSE, Straße, ΣΊΣΥΦΟΣ, Σίσυφος, ﬀ, FF",
        "a,b, \u{a0}c\u{3000}, C",
        ", leading",
        "İstanbul, i\u{307}stanbul, \u{301}x",
    ] {
        c.book(&json!({"title": "T", "author": author}), None);
    }
    c.store(conn);
    let name = "2026-11-22-000006_contributors";
    while migrations::revert(conn).unwrap() != name {}
    migrations::apply(conn).unwrap();
    let mut seen = std::collections::BTreeMap::new();
    for book in &c.books {
        let expected: Vec<_> = Contributors::of_line(&book.author)
            .as_slice()
            .iter()
            .map(|one| {
                // The spelling in the oldest book.
                seen.entry(one.name.key()).or_insert_with(|| one.name.to_string()).clone()
            })
            .collect();
        let credits = credits(conn, book.uid);
        let found: Vec<_> = credits.iter().map(|(_, _, name)| name.clone()).collect();
        assert_eq!(found, expected, "{:?}", book.author);
        assert!(
            credits
                .iter()
                .map(|(position, ..)| *position)
                .eq(1..=u32::try_from(found.len()).unwrap())
        );
    }
    let all = conn
        .page::<Author>(
            &None,
            &Filter::everything(),
            &PageRequest::newest(100),
            &Include::nothing(),
        )
        .unwrap();
    assert_eq!(all.entities.as_slice().len(), seen.len());
    for author in all.entities.as_slice() {
        let uid = author.uid.uuid();
        assert_eq!((uid.get_version_num(), uid.get_variant()), (7, uuid::Variant::RFC4122));
        // The key contains the time of creation in milliseconds.
        let (seconds, nanos) = uid.get_timestamp().unwrap().to_unix();
        let made = u64::try_from(author.created_at.timestamp_millis()).unwrap();
        assert_eq!(seconds * 1000 + u64::from(nanos / 1_000_000), made);
    }
    // The same names are found again, so the name keys are those of the domain.
    let again: Vec<_> = c.books.iter().map(|book| Contributors::of_line(&book.author)).collect();
    database.execute("DELETE FROM book_contributors").unwrap();
    let again: Vec<_> = c.books.iter().map(|book| book.uid).zip(&again).collect();
    let (authors, _) =
        author::add_contributors(conn, &Creator::nobody(&SystemIds), &again).unwrap();
    assert_eq!(authors, 0);
}
