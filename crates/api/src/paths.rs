//! The paths of entities and relations, below the base path.

use recto_relations::{EntityInfo, Module, RelationInfo};

/// Returns the path of a module: `/blog`. The catalogue has none.
pub(crate) fn module(module: &Module) -> String {
    if module.name == "catalog" { String::new() } else { format!("/{}", module.name) }
}

/// Returns the path of the collection: `/books`, `/blog/posts`.
pub(crate) fn collection(entity: &EntityInfo) -> String {
    format!("{}/{}", module((entity.module)()), entity.collection)
}

/// Returns the path of an item: `/books/{uid}`.
pub(crate) fn item(entity: &EntityInfo) -> String {
    format!("{}/{{{}}}", collection(entity), entity.key)
}

/// Returns the path of a relation: `/books/{uid}/reviews`.
pub(crate) fn relation(relation: &RelationInfo) -> String {
    format!("{}/{}", item(relation.from), relation.name)
}
