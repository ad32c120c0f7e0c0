//! The number of statements of bulk writes.

use chrono::DateTime;
use recto_domain::{
    Account, BatchOutcome, Book, BookBatch, Email, IdGenerator as _, Input as _, NewBook,
    NewCompanyGraph, Role, TagName, User, UserId, Username,
};
use recto_persistence::catalog::{Creator, batch, book_tag};
use recto_persistence::{Connection, org};
use recto_testkit::both_engines;
use recto_testkit::database::{Engine, FreshDatabase};
use recto_testkit::ids::SequentialIds;
use serde_json::{Value, json};

both_engines!(
    company_takes_one_statement_per_type,
    batch_takes_few_statements,
    tagging_takes_few_statements,
);

fn company_takes_one_statement_per_type(database: &FreshDatabase) {
    let mut conn = database.connection();
    for (departments, employees, statements) in [(0, 0, 1), (1, 0, 2), (3, 2, 3), (9, 110, 3)] {
        let staff: Vec<_> = (0..employees).map(|n| json!({"name": format!("E{n}")})).collect();
        let departments: Vec<_> = (0..departments)
            .map(|n| json!({"name": format!("D{n}"), "employees": staff}))
            .collect();
        let graph = json!({"name": "Acme", "departments": departments});
        let graph = NewCompanyGraph::parse(&graph).unwrap();
        let (made, sent) =
            conn.recording(|conn| org::create_company(conn, graph.clone(), DateTime::UNIX_EPOCH));
        made.unwrap();
        assert_eq!(sent.len(), statements, "{sent:#?}");
    }
}

fn batch_takes_few_statements(database: &FreshDatabase) {
    let mut conn = database.connection();
    let ids = SequentialIds::new();
    let [ada, root] = [("ada", Role::User), ("root", Role::Admin)]
        .map(|(name, role)| account(&mut conn, &ids, name, role));
    // PostgreSQL locks the caller.
    let lock = usize::from(database.engine() == Engine::Postgres);
    for count in [1, 10, 1_000] {
        let shelf: Vec<_> = (0..count).map(|n| isbn(n + count * 10)).collect();
        // Contributors: delete, look up authors, insert new ones, insert links. SQLite inserts each
        // link with a statement.
        let links = if database.engine() == Engine::Postgres { 1 } else { count };
        let credits = 2 + usize::from(count == 1) + links;
        for (expected, statements) in
            [(BatchOutcome::Created, 2 + credits), (BatchOutcome::Unchanged, 1)]
        {
            let outcomes = upsert(&mut conn, &ids, &ada, &shelf, statements + lock);
            assert!(outcomes.into_iter().all(|outcome| outcome == expected));
        }
        let outcomes = upsert(&mut conn, &ids, &root, &shelf, 2 + lock);
        assert!(outcomes.into_iter().all(|outcome| outcome == BatchOutcome::Unchanged));
    }
}

/// Upserts books, asserts the number of statements, and returns the outcomes.
fn upsert(
    conn: &mut Connection,
    ids: &SequentialIds,
    caller: &Account,
    isbns: &[String],
    statements: usize,
) -> Vec<BatchOutcome> {
    let book = |isbn: &String| json!({"title": "T", "author": "A", "isbn": isbn});
    let books: Vec<Value> = isbns.iter().map(book).collect();
    let books = BookBatch::parse(&json!({ "books": books })).unwrap().into_books();
    let (outcomes, sent) = conn.recording(|conn| {
        let of_others = caller.role == Role::Admin;
        batch::upsert(conn, &Creator::nobody(ids), caller.user_uid, of_others, books)
    });
    assert_eq!(sent.len(), statements, "{sent:#?}");
    outcomes.unwrap().outcomes.into_iter().map(|one| one.outcome).collect()
}

fn account(conn: &mut Connection, ids: &SequentialIds, name: &str, role: Role) -> Account {
    let user = User::new(ids.new_id(), Username::parse_reserved(name).unwrap(), None, None);
    conn.insert(user.clone()).unwrap();
    Account::new(user.uid, Email::parse(&format!("{name}@example.org")).unwrap(), role)
}

/// Returns an ISBN that contains a number.
fn isbn(number: usize) -> String {
    let body = format!("978{number:09}");
    let digits = body.bytes().map(|digit| usize::from(digit - b'0'));
    let sum: usize =
        digits.zip([1, 3].into_iter().cycle()).map(|(digit, weight)| digit * weight).sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

fn tagging_takes_few_statements(database: &FreshDatabase) {
    let mut conn = database.connection();
    let ids = SequentialIds::new();
    let new = NewBook::parse(&json!({"title": "Emma", "author": "Jane Austen"})).unwrap();
    let emma = Book::new(ids.new_id(), new, None::<UserId>);
    conn.insert(emma.clone()).unwrap();
    let names: Vec<_> = (0..100).map(|n| TagName::parse(&format!("tag {n}")).unwrap()).collect();
    // Look up, insert, look up again, link.
    for (names, statements) in [(&names[..50], 4), (&names[..], 4), (&names[..], 2), (&[], 1)] {
        let (added, sent) =
            conn.recording(|conn| book_tag::add(conn, &Creator::nobody(&ids), emma.uid, names));
        added.unwrap();
        assert_eq!(sent.len(), statements, "{sent:#?}");
    }
    let line = match database.engine() {
        Engine::Sqlite => "json_array(count(*))",
        Engine::Postgres => "json_build_array(count(*))::text",
    };
    assert_eq!(database.rows(&format!("SELECT {line} AS line FROM book_tags")), [json!([100])]);
}
