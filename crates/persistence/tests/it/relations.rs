//! Comparison of the declared relations with the foreign keys of the databases.

use std::collections::BTreeSet;

use recto_domain::MODULES;
use recto_persistence::Recto;
use recto_relations::{Cardinality, OnDelete, RelationInfo, Storage};
use recto_relations_diesel::{MappedRelations as _, unmapped};
use recto_testkit::both_engines;
use recto_testkit::database::FreshDatabase;

use crate::support::introspection::{foreign_keys, indexes, tables};
use crate::support::visit::relations;

both_engines!(databases_enforce_declared_relations, every_foreign_key_is_declared,);

/// Foreign keys of the module `identity`, which has no relations, and those to the creators of tags
/// and authors, which only access rules and quotas need.
const NOT_NAVIGABLE: &[(&str, &str)] = &[
    ("accounts", "user_uid"),
    ("api_keys", "user_uid"),
    ("authors", "creator_uid"),
    ("creation_windows", "user_uid"),
    ("known_devices", "user_uid"),
    ("mailed_tokens", "user_uid"),
    ("mails", "user_uid"),
    ("sessions", "user_uid"),
    ("tags", "creator_uid"),
    ("token_pairs", "session_uid"),
];

/// A foreign key that a relation needs.
struct Needed {
    table: &'static str,
    column: &'static str,
    parent: &'static str,
    nullable: bool,
}

fn needed(relation: &RelationInfo) -> Vec<Needed> {
    match relation.storage {
        Storage::ForeignKey { table, column } => {
            let to_one = match relation.cardinality {
                Cardinality::Many => relation.to.relation(relation.inverse).unwrap(),
                _ => relation.from.relation(relation.name).unwrap(),
            };
            let nullable = to_one.cardinality == Cardinality::Optional;
            vec![Needed { table, column, parent: to_one.to.collection, nullable }]
        }
        Storage::Link { table, from, to, .. } => vec![
            Needed { table, column: from, parent: relation.from.collection, nullable: false },
            Needed { table, column: to, parent: relation.to.collection, nullable: false },
        ],
        // It consists of relations with their own foreign keys.
        Storage::Through { .. } => Vec::new(),
    }
}

fn in_sql(rule: OnDelete) -> &'static str {
    match rule {
        OnDelete::Cascade => "CASCADE",
        OnDelete::SetNull => "SET NULL",
        OnDelete::Restrict => "RESTRICT",
    }
}

fn databases_enforce_declared_relations(database: &FreshDatabase) {
    let (tables, keys, indexes) = (tables(database), foreign_keys(database), indexes(database));
    for relation in relations() {
        let name = format!("{}.{}", relation.from.name, relation.name);
        for needed in needed(relation) {
            let key = keys
                .iter()
                .find(|key| key.table == needed.table && key.column == needed.column)
                .unwrap_or_else(|| panic!("{name}: {}.{}", needed.table, needed.column));
            assert_eq!(key.parent, needed.parent, "{name}");
            let rule = relation.on_delete.expect("a relation with a foreign key has a delete rule");
            assert_eq!(key.on_delete, in_sql(rule), "{name}");

            let parent = tables[needed.parent].iter().find(|column| column.key == 1).unwrap();
            assert_eq!(key.parent_column, parent.name, "{name}");
            let column =
                tables[needed.table].iter().find(|column| column.name == needed.column).unwrap();
            assert_eq!(column.nullable, needed.nullable, "{name}");
            assert_eq!(column.kind, parent.kind, "{name}");

            let has_index = indexes.iter().any(|(table, columns)| {
                table == needed.table && columns.first().is_some_and(|c| c == needed.column)
            });
            assert!(has_index, "{name}: no index under {}.{}", needed.table, needed.column);
        }
        if let Storage::Link { table, from, to, data } = relation.storage {
            let columns: BTreeSet<&str> =
                tables[table].iter().map(|column| column.name.as_str()).collect();
            let declared: BTreeSet<&str> =
                [from, to].into_iter().chain(data.iter().copied()).collect();
            assert_eq!(columns, declared, "{name}");
        }
    }
}

fn every_foreign_key_is_declared(database: &FreshDatabase) {
    let declared: BTreeSet<(String, String)> = relations()
        .flat_map(needed)
        .map(|needed| (needed.table, needed.column))
        .chain(NOT_NAVIGABLE.iter().copied())
        .map(|(table, column)| (table.to_owned(), column.to_owned()))
        .collect();
    let migrated: BTreeSet<(String, String)> =
        foreign_keys(database).into_iter().map(|key| (key.table, key.column)).collect();
    assert_eq!(declared, migrated);
}

#[test]
fn every_relation_is_mapped() {
    assert!(unmapped::<Recto>(&MODULES).is_empty());
    let declared: usize = MODULES.iter().map(|module| module.relations.len()).sum();
    assert_eq!(Recto::edges().len(), declared, "only declared relations are mapped");
}

#[test]
fn every_relation_has_an_inverse() {
    for relation in relations() {
        let back = relation.to.relation(relation.inverse).unwrap();
        assert_eq!(back.inverse, relation.name);
        assert_eq!(back.to, relation.from);
        assert_eq!(back.on_delete, relation.on_delete);
    }
}

#[test]
fn through_relations_are_consecutive() {
    let mut through = 0;
    for relation in relations() {
        if let Storage::Through { first, second } = relation.storage {
            let first = relation.from.relation(first).unwrap();
            let second = first.to.relation(second).unwrap();
            assert_eq!(second.to, relation.to, "{}", relation.name);
            assert_eq!(relation.on_delete, None);
            through += 1;
        }
    }
    assert_eq!(through, 2);
}
