//! The schema of a database, in the same form for both engines.

use std::collections::BTreeMap;

use recto_testkit::database::{Engine, FreshDatabase};
use serde_json::Value;

/// A column.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) nullable: bool,
    /// The position in the primary key, from 1; 0 for other columns.
    pub(crate) key: i64,
}

/// A foreign key of one column.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ForeignKey {
    pub(crate) table: String,
    pub(crate) column: String,
    pub(crate) parent: String,
    pub(crate) parent_column: String,
    /// In SQL: `SET NULL`.
    pub(crate) on_delete: String,
}

/// A named constraint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Constraint {
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) kind: String,
}

/// Returns the tables with their columns in order, without tables of the engine and of Diesel and
/// without generated columns.
pub(crate) fn tables(database: &FreshDatabase) -> BTreeMap<String, Vec<Column>> {
    let rows = database.rows(match database.engine() {
        Engine::Sqlite => {
            "SELECT json_array(m.name, c.name, c.type, c.\"notnull\" = 0, c.pk) AS line
             FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
             WHERE m.type = 'table' AND m.name NOT LIKE '\\_\\_diesel%' ESCAPE '\\'
               AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
             ORDER BY m.name, c.cid"
        }
        Engine::Postgres => {
            "SELECT json_build_array(
                 t.relname, c.attname, y.typname, NOT c.attnotnull,
                 coalesce(array_position(k.conkey, c.attnum), 0)
             )::text AS line
             FROM pg_class AS t
             JOIN pg_attribute AS c ON c.attrelid = t.oid AND c.attnum > 0
                 AND NOT c.attisdropped AND c.attgenerated = ''
             JOIN pg_type AS y ON y.oid = c.atttypid
             LEFT JOIN pg_constraint AS k ON k.conrelid = t.oid AND k.contype = 'p'
             WHERE t.relnamespace = 'public'::regnamespace AND t.relkind = 'r'
               AND t.relname NOT LIKE '\\_\\_diesel%'
             ORDER BY t.relname, c.attnum"
        }
    });
    by_table(&rows)
}

/// Returns the generated columns in order, by table.
pub(crate) fn generated(database: &FreshDatabase) -> BTreeMap<String, Vec<Column>> {
    let rows = database.rows(match database.engine() {
        Engine::Sqlite => {
            "SELECT json_array(m.name, c.name, c.type, c.\"notnull\" = 0, c.pk) AS line
             FROM sqlite_master AS m JOIN pragma_table_xinfo(m.name) AS c
             WHERE m.type = 'table' AND c.hidden IN (2, 3) ORDER BY m.name, c.cid"
        }
        Engine::Postgres => {
            "SELECT json_build_array(t.relname, c.attname, y.typname, NOT c.attnotnull, 0)::text
                 AS line
             FROM pg_class AS t
             JOIN pg_attribute AS c ON c.attrelid = t.oid
             JOIN pg_type AS y ON y.oid = c.atttypid
             WHERE t.relnamespace = 'public'::regnamespace AND c.attgenerated <> ''
             ORDER BY t.relname, c.attnum"
        }
    });
    by_table(&rows)
}

fn by_table(rows: &[Value]) -> BTreeMap<String, Vec<Column>> {
    let mut tables: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for row in rows {
        tables.entry(text(row, 0)).or_default().push(Column {
            name: text(row, 1),
            kind: text(row, 2).to_lowercase(),
            nullable: row[3] == true || row[3] == 1,
            key: row[4].as_i64().unwrap(),
        });
    }
    tables
}

/// Returns the foreign keys, in alphabetical order.
pub(crate) fn foreign_keys(database: &FreshDatabase) -> Vec<ForeignKey> {
    let rows = database.rows(match database.engine() {
        Engine::Sqlite => {
            "SELECT json_array(m.name, k.\"from\", k.\"table\", k.\"to\", k.on_delete) AS line
             FROM sqlite_master AS m JOIN pragma_foreign_key_list(m.name) AS k
             WHERE m.type = 'table'"
        }
        Engine::Postgres => {
            "SELECT json_build_array(
                 t.relname, c.attname, p.relname, i.attname,
                 CASE k.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL'
                     WHEN 'r' THEN 'RESTRICT' WHEN 'd' THEN 'SET DEFAULT' ELSE 'NO ACTION' END
             )::text AS line
             FROM pg_constraint AS k
             JOIN pg_class AS t ON t.oid = k.conrelid
             JOIN pg_class AS p ON p.oid = k.confrelid
             JOIN pg_attribute AS c ON c.attrelid = t.oid AND c.attnum = k.conkey[1]
             JOIN pg_attribute AS i ON i.attrelid = p.oid AND i.attnum = k.confkey[1]
             WHERE k.contype = 'f' AND cardinality(k.conkey) = 1"
        }
    });
    let mut keys: Vec<_> = rows
        .iter()
        .map(|row| ForeignKey {
            table: text(row, 0),
            column: text(row, 1),
            parent: text(row, 2),
            parent_column: text(row, 3),
            on_delete: text(row, 4),
        })
        .collect();
    keys.sort();
    keys
}

/// Returns table and columns of each index, including those of constraints. The name of an
/// expression is empty.
pub(crate) fn indexes(database: &FreshDatabase) -> Vec<(String, Vec<String>)> {
    let rows = database.rows(match database.engine() {
        Engine::Sqlite => {
            "SELECT json_array(m.name, (
                 SELECT json_group_array(coalesce(c.name, '')) FROM pragma_index_info(i.name) AS c
             )) AS line
             FROM sqlite_master AS m JOIN pragma_index_list(m.name) AS i
             WHERE m.type = 'table'"
        }
        Engine::Postgres => {
            "SELECT json_build_array(t.relname, (
                 SELECT json_agg(coalesce(c.attname, '') ORDER BY n.place)::text
                 FROM unnest(i.indkey) WITH ORDINALITY AS n(number, place)
                 LEFT JOIN pg_attribute AS c ON c.attrelid = t.oid AND c.attnum = n.number
             ))::text AS line
             FROM pg_index AS i JOIN pg_class AS t ON t.oid = i.indrelid
             WHERE t.relnamespace = 'public'::regnamespace"
        }
    });
    let columns = |row: &Value| match &row[1] {
        Value::String(json) => serde_json::from_str(json).unwrap(),
        array => serde_json::from_value(array.clone()).unwrap(),
    };
    rows.iter().map(|row| (text(row, 0), columns(row))).collect()
}

/// Returns the constraints except `NOT NULL`.
///
/// # Panics
/// If one has no explicit name.
pub(crate) fn constraints(database: &FreshDatabase) -> Vec<Constraint> {
    let mut constraints = match database.engine() {
        Engine::Sqlite => database
            .rows(
                "SELECT json_array(name, sql) AS line FROM sqlite_master
                 WHERE type = 'table' AND name NOT LIKE '\\_\\_diesel%' ESCAPE '\\'
                   AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
            )
            .iter()
            .flat_map(|row| written_constraints(&text(row, 0), &text(row, 1)))
            .collect(),
        Engine::Postgres => database
            .rows(
                "SELECT json_build_array(
                     t.relname, k.conname,
                     CASE k.contype WHEN 'p' THEN 'PRIMARY' WHEN 'u' THEN 'UNIQUE'
                         WHEN 'c' THEN 'CHECK' WHEN 'f' THEN 'REFERENCES' ELSE k.contype::text END
                 )::text AS line
                 FROM pg_constraint AS k JOIN pg_class AS t ON t.oid = k.conrelid
                 WHERE t.relnamespace = 'public'::regnamespace AND k.contype <> 'n'
                   AND t.relname NOT LIKE '\\_\\_diesel%'",
            )
            .iter()
            .map(|row| Constraint { table: text(row, 0), name: text(row, 1), kind: text(row, 2) })
            .collect::<Vec<_>>(),
    };
    constraints.sort();
    constraints
}

/// SQLite stores the names only in the text of `CREATE TABLE`.
fn written_constraints(table: &str, sql: &str) -> Vec<Constraint> {
    let code: String =
        sql.lines().flat_map(|line| [line.split("--").next().unwrap_or_default(), "\n"]).collect();
    let words: Vec<&str> = code
        .split(|c: char| c.is_whitespace() || "(),".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    let mut constraints = Vec::new();
    for (place, kind) in words.iter().enumerate() {
        if ["PRIMARY", "UNIQUE", "CHECK", "REFERENCES", "FOREIGN"].contains(kind) {
            assert!(
                place >= 2 && words[place - 2] == "CONSTRAINT",
                "a {kind} of {table} has no name"
            );
            constraints.push(Constraint {
                table: table.to_owned(),
                name: words[place - 1].to_owned(),
                kind: (*kind).to_owned(),
            });
        }
    }
    constraints
}

/// Returns the whole schema, to compare it with another.
pub(crate) fn everything(database: &FreshDatabase) -> Vec<String> {
    let rows = database.rows(match database.engine() {
        Engine::Sqlite => {
            "SELECT json_array(type, name, tbl_name, sql) AS line FROM sqlite_master
             WHERE tbl_name NOT LIKE '\\_\\_diesel%' ESCAPE '\\'
               AND tbl_name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        }
        Engine::Postgres => {
            "SELECT json_build_array('column', table_name, column_name, data_type, is_nullable,
                                     collation_name, column_default)::text AS line
             FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_diesel%'
             UNION ALL
             SELECT json_build_array('constraint', conrelid::regclass, conname,
                                     pg_get_constraintdef(oid))::text
             FROM pg_constraint
             WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE '\\_\\_diesel%'
             UNION ALL
             SELECT json_build_array('index', indexname, indexdef)::text FROM pg_indexes
             WHERE schemaname = 'public' AND tablename NOT LIKE '\\_\\_diesel%'"
        }
    });
    let mut lines: Vec<_> = rows.iter().map(ToString::to_string).collect();
    lines.sort();
    lines
}

fn text(row: &Value, index: usize) -> String {
    row[index].as_str().unwrap().to_owned()
}
