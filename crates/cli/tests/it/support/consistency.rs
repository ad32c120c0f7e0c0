//! Comparing a database with the responses that clients got.

use std::collections::BTreeMap;

use recto_testkit::database::{Engine, FreshDatabase};
use serde_json::Value;

use super::writers::{Attempt, BATCH, Write};

/// Rows by their names. A row holds its other values.
type Named = BTreeMap<String, Vec<Vec<Value>>>;

/// The rows whose names begin with a prefix.
struct Rows {
    /// Page count, publisher, and the numbers of tags, contributors and reviews.
    books: Named,
    /// The numbers of audit entries.
    keys: Named,
    /// The numbers of accounts, mails, tokens and audit entries.
    users: Named,
}

/// Returns what is wrong after attempts whose names begin with `prefix`: acknowledged writes that
/// are missing or doubled, and any write that is partial. Those acknowledged after the moment
/// `until` may be missing.
pub(crate) fn differences(
    database: &FreshDatabase,
    prefix: &str,
    attempts: &[Attempt],
    until: u64,
) -> Vec<String> {
    let mut rows = Rows::read(database, prefix);
    let mut wrong = damage(database);
    // A book is compared after its changes, because it is removed then.
    for attempt in attempts.iter().rev() {
        let acknowledged = attempt.acknowledged.is_some_and(|moment| moment <= until);
        if let Err(reason) = rows.check(attempt, acknowledged) {
            let was = if acknowledged { "acknowledged" } else { "not acknowledged" };
            wrong.push(format!("{:?} {}, {was}: {reason}", attempt.write, attempt.name));
        }
    }
    let unexplained = [&rows.books, &rows.keys, &rows.users].into_iter().flat_map(BTreeMap::keys);
    wrong.extend(unexplained.map(|name| format!("{name} was never requested")));
    wrong
}

/// Returns what the engine's own checks report.
pub(crate) fn damage(database: &FreshDatabase) -> Vec<String> {
    let checks: &[&str] = match database.engine() {
        Engine::Sqlite => &[
            r#"SELECT '"' || integrity_check || '"' AS line FROM pragma_integrity_check
               WHERE integrity_check <> 'ok'"#,
            r#"SELECT '"' || "table" || '"' AS line FROM pragma_foreign_key_check"#,
        ],
        Engine::Postgres => &[
            "SELECT to_json(book_id)::text AS line FROM book_tags
             WHERE NOT EXISTS (SELECT FROM books WHERE uid = book_id)
                OR NOT EXISTS (SELECT FROM tags WHERE uid = tag_id)",
            "SELECT to_json(uid)::text AS line FROM reviews
             WHERE NOT EXISTS (SELECT FROM books WHERE uid = book_uid)",
        ],
    };
    let found = checks.iter().flat_map(|check| database.rows(check));
    found.map(|row| format!("damaged: {row}")).collect()
}

impl Rows {
    fn read(database: &FreshDatabase, prefix: &str) -> Self {
        Self {
            books: read(
                database,
                &[
                    quoted("title"),
                    "coalesce(page_count, 0)".to_owned(),
                    quoted("coalesce(publisher, '')"),
                    "(SELECT count(*) FROM book_tags WHERE book_id = uid)".to_owned(),
                    "(SELECT count(*) FROM book_contributors WHERE book_id = uid)".to_owned(),
                    "(SELECT count(*) FROM reviews WHERE book_uid = books.uid)".to_owned(),
                ],
                &format!("books WHERE title LIKE '{prefix}-%'"),
            ),
            keys: read(
                database,
                &[
                    quoted("name"),
                    "(SELECT count(*) FROM audit
                      WHERE action = 'key.created' AND detail LIKE name || ' (%')"
                        .to_owned(),
                ],
                &format!("api_keys WHERE name LIKE '{prefix}-%'"),
            ),
            users: read(
                database,
                &[
                    quoted("username"),
                    "(SELECT count(*) FROM accounts WHERE user_uid = users.uid)".to_owned(),
                    "(SELECT count(*) FROM mails WHERE user_uid = users.uid)".to_owned(),
                    "(SELECT count(*) FROM mailed_tokens WHERE user_uid = users.uid)".to_owned(),
                    "(SELECT count(*) FROM audit WHERE actor_uid = users.uid)".to_owned(),
                ],
                &format!("users WHERE username LIKE '{prefix}-%'"),
            ),
        }
    }

    /// Compares an attempt with its rows, and removes them unless they belong to others too.
    fn check(&mut self, attempt: &Attempt, acknowledged: bool) -> Result<(), String> {
        let name = &attempt.name;
        match attempt.write {
            Write::Book => {
                let books = self.books.remove(name).unwrap_or_default();
                expect_one(&books, acknowledged)?;
                match books.first() {
                    Some(book) if book[2] != 2 || book[3] != 2 || book[4].as_u64() > Some(1) => {
                        Err(format!("partial: {book:?}"))
                    }
                    Some(book) if book[1].as_str() != Some(&*book[0].to_string()) => {
                        Err(format!("mixed: {book:?}"))
                    }
                    _ => Ok(()),
                }
            }
            Write::Batch => {
                let titles = (0..BATCH).map(|number| format!("{name}-{number}"));
                let books = titles.filter_map(|title| self.books.remove(&title)).flatten().count();
                match books {
                    BATCH => Ok(()),
                    0 if !acknowledged => Ok(()),
                    _ => Err(format!("{books} books of {BATCH}")),
                }
            }
            Write::Review | Write::Change(_) if !acknowledged => Ok(()),
            Write::Review => match self.book(name) {
                Some(book) if book[4] == 1 => Ok(()),
                found => Err(format!("lost: {found:?}")),
            },
            Write::Change(number) => match self.book(name) {
                Some(book) if book[0].as_u64() >= Some(number.into()) => Ok(()),
                found => Err(format!("lost: {found:?}")),
            },
            Write::Key => expect_whole(self.keys.remove(name), acknowledged),
            Write::SignUp => expect_whole(self.users.remove(name), acknowledged),
        }
    }

    fn book(&self, title: &str) -> Option<&Vec<Value>> {
        self.books.get(title)?.first()
    }
}

/// Reads rows, of which the first column is the name.
fn read(database: &FreshDatabase, columns: &[String], from: &str) -> Named {
    let sql = format!("SELECT '[' || {} || ']' AS line FROM {from}", columns.join(" || ',' || "));
    let mut named = Named::new();
    for row in database.rows(&sql) {
        let Value::Array(mut values) = row else { panic!("{row}") };
        let name = values.remove(0);
        named.entry(name.as_str().unwrap().to_owned()).or_default().push(values);
    }
    named
}

/// Returns a column as a JSON string. Its values need no escapes.
fn quoted(column: &str) -> String {
    format!("'\"' || {column} || '\"'")
}

/// Expects a row with one of everything that belongs to it, or none.
fn expect_whole(rows: Option<Vec<Vec<Value>>>, acknowledged: bool) -> Result<(), String> {
    let rows = rows.unwrap_or_default();
    expect_one(&rows, acknowledged)?;
    match rows.first() {
        Some(row) if row.iter().any(|count| *count != 1) => Err(format!("partial: {row:?}")),
        _ => Ok(()),
    }
}

fn expect_one(rows: &[Vec<Value>], acknowledged: bool) -> Result<(), String> {
    match rows.len() {
        0 if acknowledged => Err("lost".to_owned()),
        0 | 1 => Ok(()),
        number => Err(format!("there {number} times")),
    }
}
