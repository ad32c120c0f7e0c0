//! Inserting many rows, except existing ones.

use std::collections::HashMap;

use recto_relations_diesel::{Engine, Rows, Statement};

use crate::sql_types::UidValue;
use crate::{Connection, Error};

/// The number of rows in a statement on PostgreSQL, which binds at most 65,535 values.
pub(super) const ROWS_PER_STATEMENT: usize = 4_000;

/// The result of writing a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<K> {
    /// The key of each row, in input order; `None` for a reader whose name is taken.
    pub keys: Vec<Option<K>>,
    /// The number of new rows.
    pub added: usize,
}

impl<K> Written<K> {
    /// Returns the result for a batch of new rows.
    pub(super) fn all_new(keys: impl Iterator<Item = K>) -> Self {
        let keys: Vec<Option<K>> = keys.map(Some).collect();
        Self { added: keys.len(), keys }
    }
}

/// Inserts records by statements that ignore existing rows, and returns the number of new rows.
///
/// SQLite runs one prepared statement for each row. PostgreSQL gets as many rows in a statement as
/// fit, since each statement costs a round trip; arrays with `unnest` were no faster, because
/// foreign keys take most of the time.
pub(super) fn insert_new<R, One: Statement, Many: Statement>(
    conn: &mut Connection,
    records: impl IntoIterator<Item = R>,
    one: impl Fn(R) -> One,
    many: impl Fn(Vec<R>) -> Many,
) -> Result<usize, Error> {
    let mut records = records.into_iter();
    let mut added = 0;
    match conn.engine() {
        Engine::Sqlite => {
            for record in records {
                added += conn.execute(one(record))?;
            }
        }
        Engine::Postgres => loop {
            let chunk: Vec<R> = records.by_ref().take(ROWS_PER_STATEMENT).collect();
            if chunk.is_empty() {
                break;
            }
            added += conn.execute(many(chunk))?;
        },
    }
    Ok(added)
}

/// Returns the keys of rows by a unique text, with a query for each chunk of texts.
pub(super) fn keys_by_text<'q, Q: Rows<'q, (String, UidValue)>>(
    conn: &mut Connection,
    wanted: &[&'q str],
    query: impl Fn(Vec<&'q str>) -> Q,
) -> Result<HashMap<String, UidValue>, Error> {
    let mut found = HashMap::with_capacity(wanted.len());
    for chunk in wanted.chunks(ROWS_PER_STATEMENT) {
        found.extend(conn.load(query(chunk.to_vec()))?);
    }
    Ok(found)
}
