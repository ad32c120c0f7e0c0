//! Comparison of the declared tables with the migrated databases of both engines.

use std::collections::{BTreeMap, BTreeSet};

use recto_testkit::both_engines;
use recto_testkit::database::{Engine, FreshDatabase, fresh};

use crate::support::introspection::{
    Column, constraints, foreign_keys, generated, indexes, tables,
};
use crate::support::visit::entities;

both_engines!(
    declared_tables_match_databases,
    joins_match_foreign_keys,
    foreign_keys_are_named_and_indexed,
    primary_keys_are_named_after_tables,
    generated_columns_match_databases,
    nullable_sort_fields_have_generated_columns,
);

const SCHEMA: &str = include_str!("../../src/schema.rs");
const GENERATED: &str = include_str!("../../src/generated.rs");

/// The tables that a file declares, with the engine's types.
fn declared(source: &str, engine: Engine) -> BTreeMap<String, Vec<Column>> {
    let mut tables = BTreeMap::new();
    for block in source.split("table! {\n").skip(1) {
        let lines = block.lines().map(str::trim).filter(|line| !line.starts_with("use "));
        let mut lines = lines.filter(|line| !line.is_empty());
        // books (uid) {
        let (name, rest) = lines.next().unwrap().split_once(" (").unwrap();
        let key: Vec<&str> = rest.trim_end_matches(") {").split(", ").collect();
        let columns = lines
            .map_while(|line| line.trim_end_matches(',').split_once(" -> "))
            .map(|(name, kind)| {
                let optional =
                    kind.strip_prefix("Nullable<").map(|kind| kind.trim_end_matches('>'));
                let place = key.iter().position(|key| *key == name);
                Column {
                    name: name.to_owned(),
                    kind: kind_on(engine, optional.unwrap_or(kind)).to_owned(),
                    nullable: optional.is_some(),
                    key: place.map_or(0, |place| i64::try_from(place).unwrap() + 1),
                }
            })
            .collect();
        tables.insert(name.to_owned(), columns);
    }
    tables
}

/// Returns the name of a SQL type on an engine.
fn kind_on(engine: Engine, kind: &str) -> &'static str {
    let (sqlite, postgres) = match kind {
        "Uid" => ("blob", "uuid"),
        "Instant" => ("integer", "timestamptz"),
        "Text" => ("text", "text"),
        "Binary" => ("blob", "bytea"),
        "Bool" => ("integer", "bool"),
        "SmallInt" => ("integer", "int2"),
        "Integer" => ("integer", "int4"),
        "BigInt" => ("integer", "int8"),
        other => panic!("this test lacks the type {other}"),
    };
    match engine {
        Engine::Sqlite => sqlite,
        Engine::Postgres => postgres,
    }
}

fn declared_tables_match_databases(database: &FreshDatabase) {
    let declared = declared(SCHEMA, database.engine());
    let migrated = tables(database);
    assert_eq!(
        declared.keys().collect::<Vec<_>>(),
        migrated.keys().collect::<Vec<_>>(),
        "the tables"
    );
    for (table, columns) in &declared {
        assert_eq!(columns, &migrated[table], "the columns of {table}");
    }
}

fn joins_match_foreign_keys(database: &FreshDatabase) {
    // joinable!(books -> users (user_uid));
    let declared: BTreeSet<String> = SCHEMA
        .lines()
        .filter_map(|line| line.strip_prefix("joinable!(")?.strip_suffix(");"))
        .map(str::to_owned)
        .collect();
    let keys = foreign_keys(database);
    let migrated: BTreeSet<String> = keys
        .iter()
        // Diesel needs an alias to join a table to itself.
        .filter(|key| key.table != key.parent)
        .map(|key| format!("{} -> {} ({})", key.table, key.parent, key.column))
        .collect();
    assert_eq!(declared, migrated);
}

fn foreign_keys_are_named_and_indexed(database: &FreshDatabase) {
    let (constraints, indexes) = (constraints(database), indexes(database));
    let keys = foreign_keys(database);
    assert!(!keys.is_empty());
    let named = constraints.iter().filter(|constraint| constraint.kind == "REFERENCES").count();
    assert_eq!(named, keys.len(), "every foreign key has one column and a name");
    for key in &keys {
        let name = format!("{}_{}_fkey", key.table, key.column);
        assert!(constraints.iter().any(|constraint| constraint.name == name), "{name} is missing");
        let has_index = |(table, columns): &(String, Vec<String>)| {
            *table == key.table && columns.first() == Some(&key.column)
        };
        assert!(indexes.iter().any(has_index), "no index begins with {}.{}", key.table, key.column);
    }
}

fn primary_keys_are_named_after_tables(database: &FreshDatabase) {
    let constraints = constraints(database);
    for table in tables(database).keys() {
        let name = format!("{table}_pkey");
        assert!(constraints.iter().any(|constraint| constraint.name == name), "{name} is missing");
    }
}

fn generated_columns_match_databases(database: &FreshDatabase) {
    let tables = tables(database);
    let mut declared = declared(GENERATED, database.engine());
    for (table, columns) in &mut declared {
        let (key, generated) = std::mem::take(columns).into_iter().partition(|c| c.key > 0);
        let key: Vec<Column> = key;
        assert!(key.iter().eq(tables[table].iter().filter(|c| c.key > 0)), "the key of {table}");
        *columns = generated;
    }
    assert_eq!(declared, generated(database));
}

/// There is a column for each direction, with an index that begins with it.
fn nullable_sort_fields_have_generated_columns(database: &FreshDatabase) {
    let mut expected = BTreeSet::new();
    for entity in entities() {
        for field in entity.sorts.iter().filter(|field| field.nullable) {
            for direction in ["asc", "desc"] {
                expected
                    .insert((entity.collection.to_owned(), format!("{}_{direction}", field.name)));
            }
        }
    }
    let generated = generated(database).into_iter().flat_map(|(table, columns)| {
        columns.into_iter().map(move |column| (table.clone(), column.name))
    });
    let generated: BTreeSet<_> = generated.collect();
    assert_eq!(generated, expected);
    let indexes = indexes(database);
    for (table, column) in &generated {
        let has_index =
            |(of, columns): &(String, Vec<String>)| of == table && columns.first() == Some(column);
        assert!(indexes.iter().any(has_index), "no index begins with {table}.{column}");
    }
}

#[test]
fn constraint_names_match_on_both_engines() {
    let Some(postgres) = fresh(Engine::Postgres) else { return };
    let sqlite: BTreeSet<_> = constraints(&fresh(Engine::Sqlite).unwrap()).into_iter().collect();
    let postgres: BTreeSet<_> = constraints(&postgres).into_iter().collect();
    let only_postgres: Vec<_> = postgres.difference(&sqlite).collect();
    assert!(only_postgres.is_empty(), "SQLite lacks {only_postgres:?}");

    // SQLite needs checks for what PostgreSQL's types imply: the length of a key, and the values of
    // a boolean.
    let types = declared(SCHEMA, Engine::Postgres);
    for extra in sqlite.difference(&postgres) {
        let implied = types[&extra.table].iter().any(|column| {
            extra.name == format!("{}_{}_check", extra.table, column.name)
                && ["uuid", "bool"].contains(&column.kind.as_str())
        });
        assert!(implied && extra.kind == "CHECK", "PostgreSQL lacks {extra:?}");
    }
}
