//! `recto import goodbooks` with the small data set: output and database content.

use std::fs;

use recto_testkit::both_engines;
use recto_testkit::database::{Engine, FreshDatabase, bare};
use serde_json::Value;

use crate::support::program::{Program, RunResult, small_data_set};

both_engines!(
    every_row_is_counted,
    imports_are_audited,
    values_are_imported_correctly,
    taken_username_is_replaced_and_reported,
    stopped_import_can_be_repeated,
);

/// The output of a first run.
const FIRST: &str = "\
books.csv: 16 read, 11 added, 0 already present, 5 skipped, 4 cells left empty
tags.csv: 13 read, 7 added, 3 already present, 3 skipped, 0 cells left empty
book_tags.csv: 17 read, 9 added, 2 already present, 6 skipped, 0 cells left empty
ratings.csv: 14 read, 6 added, 1 already present, 7 skipped, 0 cells left empty
";

/// The output of a second run.
const SECOND: &str = "\
books.csv: 16 read, 0 added, 11 already present, 5 skipped, 4 cells left empty
tags.csv: 13 read, 0 added, 10 already present, 3 skipped, 0 cells left empty
book_tags.csv: 17 read, 0 added, 11 already present, 6 skipped, 0 cells left empty
ratings.csv: 14 read, 0 added, 7 already present, 7 skipped, 0 cells left empty
";

fn import(program: &Program) -> RunResult {
    program.run(&["import", "goodbooks", small_data_set().to_str().unwrap()])
}

/// Counts the rows of each table.
fn counts(database: &FreshDatabase) -> Vec<Value> {
    let count = |table| format!("SELECT CAST(count(*) AS TEXT) AS line FROM {table}");
    ["books", "tags", "book_tags", "users", "reviews", "accounts", "authors", "book_contributors"]
        .iter()
        .flat_map(|table| database.rows(&count(table)))
        .collect()
}

fn every_row_is_counted(database: &FreshDatabase) {
    let program = Program::on(database);
    let first = import(&program);
    let problems: Vec<&str> = first.stderr.lines().collect();
    let (summary, problems) = problems.split_last().unwrap();
    assert_eq!(problems.len(), 25, "{problems:#?}");
    assert_eq!(
        problems[0],
        "books.csv:5: isbn: \"141439511\" must have a correct check digit (cell left empty)"
    );
    assert!(problems.contains(
        &"ratings.csv:9: rating: \"4.5\" must be a whole number from 1 to 5 (row skipped)"
    ));
    let added = "added 11 books, 7 tags, 9 taggings, 4 readers, 6 reviews in ";
    assert!(summary.starts_with(added), "{summary}");
    assert_eq!(first.succeeded(), FIRST);
    assert_eq!(counts(database), [11, 7, 9, 4, 6, 0, 13, 13]);

    let second = import(&program);
    let added = "added 0 books, 0 tags, 0 taggings, 0 readers, 0 reviews in ";
    assert!(second.stderr.contains(added), "{}", second.stderr);
    assert_eq!(second.succeeded(), SECOND);
    assert_eq!(counts(database), [11, 7, 9, 4, 6, 0, 13, 13]);
}

fn imports_are_audited(database: &FreshDatabase) {
    import(&Program::on(database)).succeeded();
    let audited = "SELECT action AS line FROM audit WHERE actor_uid IS NULL";
    let quoted = match database.engine() {
        Engine::Sqlite => audited.replace("action", "json_quote(action)"),
        Engine::Postgres => audited.replace("action", "to_json(action)::text"),
    };
    assert_eq!(database.rows(&quoted), ["import.started"]);
}

fn values_are_imported_correctly(database: &FreshDatabase) {
    import(&Program::on(database)).succeeded();
    let object = match database.engine() {
        Engine::Sqlite => "json_object",
        Engine::Postgres => "json_build_object",
    };
    let books = database.rows(&format!(
        "SELECT CAST({object}('title', title, 'author', author, 'isbn', isbn, \
         'date', published_date, 'language', language) AS TEXT) AS line \
         FROM books WHERE origin IN ('goodbooks:book:1', 'goodbooks:book:2', 'goodbooks:book:4') \
         ORDER BY uid"
    ));
    assert_eq!(
        books,
        [
            serde_json::json!({
                "title": "Pride and Prejudice", "author": "Jane Austen", "isbn": "9780141439518",
                "date": 18_130_000, "language": "eng",
            }),
            serde_json::json!({
                "title": "The Odyssey", "author": "Homer, Robert Fagles", "isbn": "9780140268867",
                "date": -7_190_000, "language": "en-US",
            }),
            serde_json::json!({
                "title": "Frankenstein", "author": "Mary Shelley", "isbn": null,
                "date": 18_180_000, "language": "eng",
            }),
        ]
    );
    // "Classics" and "classics" are one tag, with the first spelling.
    let tags = database.rows(&format!(
        "SELECT CAST({object}('name', tags.name) AS TEXT) AS line FROM book_tags \
         JOIN books ON books.uid = book_tags.book_id JOIN tags ON tags.uid = book_tags.tag_id \
         WHERE books.origin = 'goodbooks:book:1' ORDER BY tags.name_key"
    ));
    assert_eq!(
        tags,
        [serde_json::json!({"name": "Classics"}), serde_json::json!({"name": "to-read"})]
    );
    // The names in a cell become authors, each once, in order.
    let authors = database.rows(&format!(
        "SELECT CAST({object}('name', authors.name, 'position', position, 'role', role) AS TEXT) \
         AS line FROM book_contributors JOIN authors ON authors.uid = author_id \
         JOIN books ON books.uid = book_id WHERE books.origin = 'goodbooks:book:2' ORDER BY position"
    ));
    assert_eq!(
        authors,
        [
            serde_json::json!({"name": "Homer", "position": 1, "role": "author"}),
            serde_json::json!({"name": "Robert Fagles", "position": 2, "role": "author"}),
        ]
    );
    let ratings = database.rows(
        "SELECT CAST(rating AS TEXT) AS line FROM reviews \
         JOIN users ON users.uid = reviews.user_uid JOIN books ON books.uid = reviews.book_uid \
         WHERE username = 'goodbooks-2' AND books.origin = 'goodbooks:book:1'",
    );
    assert_eq!(ratings, [3]);
}

fn taken_username_is_replaced_and_reported(database: &FreshDatabase) {
    let program = Program::on(database);
    for (name, email) in [("Goodbooks-2", "a@example.org"), ("goodbooks-2-2", "b@example.org")] {
        let flags = ["--username", name, "--email", email, "--password-stdin"];
        let arguments = [&["user", "create"], &flags[..]].concat();
        program.run_with_input(&arguments, "correct horse\n").succeeded();
    }
    let first = import(&program);
    assert!(
        first.stderr.contains(
            "ratings.csv:4: user_id: the username of reader 2 is taken; \
             imported as goodbooks-2-3\n"
        ),
        "{}",
        first.stderr
    );
    assert_eq!(first.succeeded(), FIRST);
    assert_eq!(counts(database), [11, 7, 9, 6, 6, 2, 13, 13]);

    let second = import(&program);
    assert!(!second.stderr.contains("is taken"), "{}", second.stderr);
    assert_eq!(second.succeeded(), SECOND);
    assert_eq!(counts(database), [11, 7, 9, 6, 6, 2, 13, 13]);
}

fn stopped_import_can_be_repeated(database: &FreshDatabase) {
    let program = Program::on(database);
    for file in ["books.csv", "tags.csv"] {
        fs::copy(small_data_set().join(file), program.path(file)).unwrap();
    }
    // This file fails after two files have been imported.
    fs::write(program.path("book_tags.csv"), "goodreads_book_id\n101\n").unwrap();
    let stopped = program.run(&["import", "goodbooks", "."]);
    assert_eq!(stopped.code, Some(1));
    let error = "error: book_tags.csv:1: tag_id: the header has no such column\n";
    assert!(stopped.stderr.ends_with(error), "{}", stopped.stderr);
    assert_eq!(counts(database), [11, 7, 0, 0, 0, 0, 13, 13]);

    import(&program).succeeded();
    assert_eq!(counts(database), [11, 7, 9, 4, 6, 0, 13, 13]);
}

#[test]
fn only_embedded_database_is_migrated() {
    let database = bare(Engine::Sqlite).unwrap();
    assert_eq!(import(&Program::on(&database)).succeeded(), FIRST);

    let Some(database) = bare(Engine::Postgres) else { return };
    let error = import(&Program::on(&database)).failed(1);
    assert!(error.contains("has not been migrated") && error.contains("recto migrate"), "{error}");
}

#[test]
fn missing_directory_creates_nothing() {
    let program = Program::new();
    let error = program.run(&["import", "goodbooks", "no-such"]).failed(1);
    assert!(error.starts_with("error: no-such/books.csv: "), "{error}");
    assert!(program.files().is_empty());
}
