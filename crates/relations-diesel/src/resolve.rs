//! Loading the parents of children, each once.

use std::collections::HashMap;

use recto_relations::{Cardinality, Entity, Relation, Storage, ToOne};

use crate::bounds::Row as _;
use crate::connection::Connection;
use crate::mapping::{Corrupt, Mapping, Stored, entity, key_list};

/// Parents, and the index of the parent of each child.
pub(crate) type Resolved<E> = (Vec<E>, Vec<Option<u32>>);

/// The maximum number of keys that one statement looks up.
pub const CHUNK: usize = 5_000;

/// Loads the parents that foreign keys refer to.
pub(crate) fn by_foreign_key<M, R>(
    conn: &mut Connection<M>,
    children: &[R::From],
) -> Result<Resolved<R::To>, M::Error>
where
    M: Mapping,
    R: ToOne<From: Stored<M>, To: Stored<M>>,
{
    let keys = distinct(children.iter().filter_map(R::foreign_key));
    let mut found: Vec<R::To> = Vec::with_capacity(keys.len());
    for chunk in keys.chunks(CHUNK) {
        match chunk {
            [key] => found.extend(by_key::<M, R::To>(conn, *key)?),
            several => {
                let keys = key_list::<M, R::To>(several);
                for row in conn.load(<R::To as Stored<M>>::Row::by_keys(keys))? {
                    found.push(entity(row)?);
                }
            }
        }
    }
    let indices: HashMap<_, u32> =
        found.iter().enumerate().map(|(at, parent)| (parent.key(), to_index(at))).collect();
    let link = |child: &R::From| match R::foreign_key(child) {
        None => Ok(None),
        Some(key) => indices.get(&key).copied().map(Some).ok_or_else(|| dangling::<R>(child)),
    };
    let links = children.iter().map(link).collect::<Result<_, Corrupt>>()?;
    Ok((found, links))
}

/// Returns the parents in pairs of child key and parent, each once.
pub(crate) fn by_pairs<M: Mapping, R: Relation>(
    children: &[R::From],
    pairs: Vec<(<R::From as Entity>::Key, R::To)>,
) -> Result<Resolved<R::To>, M::Error> {
    let mut found: Vec<R::To> = Vec::new();
    let mut indices: HashMap<_, u32> = HashMap::new();
    let mut links: HashMap<_, u32> = HashMap::with_capacity(pairs.len());
    for (child, parent) in pairs {
        let index = *indices.entry(parent.key()).or_insert_with(|| {
            found.push(parent);
            to_index(found.len() - 1)
        });
        links.insert(child, index);
    }
    let link = |child: &R::From| match links.get(&child.key()).copied() {
        None if R::INFO.cardinality == Cardinality::One => Err(dangling::<R>(child)),
        link => Ok(link),
    };
    let links = children.iter().map(link).collect::<Result<_, Corrupt>>()?;
    Ok((found, links))
}

pub(crate) fn by_key<M: Mapping, E: Stored<M>>(
    conn: &mut Connection<M>,
    key: E::Key,
) -> Result<Option<E>, M::Error> {
    conn.first(E::Row::by_key(key.into()))?.map(entity).transpose()
}

/// Returns the error for a foreign key to a missing row, which is only possible if the row was
/// written while foreign keys were not enforced.
fn dangling<R: Relation>(child: &R::From) -> Corrupt {
    let (table, column) = match R::INFO.storage {
        Storage::ForeignKey { table, column } | Storage::Link { table, to: column, .. } => {
            (table, column)
        }
        Storage::Through { .. } => (R::INFO.from.collection, R::INFO.from.key),
    };
    let reason = "it refers to a row that does not exist".to_owned();
    Corrupt { table, column, row: child.key().to_string(), reason }
}

/// Returns each key once, in ascending order.
pub(crate) fn distinct<K: Ord>(keys: impl Iterator<Item = K>) -> Vec<K> {
    let mut keys: Vec<K> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

pub(crate) fn to_index(index: usize) -> u32 {
    u32::try_from(index).expect("no relation loads more than 10,000 entities")
}
