//! Inserting, updating, deleting and locking entities.

use recto_relations::{Cardinality, Entities, Entity, OnDelete, RelationInfo, ToOne};

use crate::bounds::{Record as _, Row};
use crate::connection::Connection;
use crate::key::{KeySource, KeyValue as _};
use crate::load::{MappedRelations, edge_of};
use crate::mapping::{IdOf, Mapping, Stored, Writable, entity};
use crate::query::Lock;

/// The maximum number of rows that one statement inserts. SQLite binds at most 32,766 values in a
/// statement and PostgreSQL 65,535; with its default features a table of Diesel has at most 32
/// columns.
const ROWS_PER_STATEMENT: usize = 1_000;

impl<M: Mapping> Connection<M> {
    /// Inserts an entity and returns the stored one, which has the key that the database generated
    /// if the database generates keys.
    ///
    /// # Errors
    /// A database error, such as a violated constraint.
    pub fn insert<E: Writable<M>>(&mut self, new: E) -> Result<E, M::Error> {
        match IdOf::<M, E>::SOURCE {
            KeySource::Application => {
                self.execute(E::Record::from(&new).insert())?;
                Ok(new)
            }
            KeySource::Database => {
                let stored = self.load(E::Record::from(&new).insert_returning())?;
                let stored = stored.into_iter().next().ok_or(diesel::result::Error::NotFound)?;
                entity(stored)
            }
        }
    }

    /// Inserts entities with a statement for each thousand, and returns the stored entities in the
    /// same order.
    ///
    /// If the database generates keys, `same` compares a new entity with a stored one, ignoring
    /// the key.
    ///
    /// # Errors
    /// A database error, such as a violated constraint, or a new entity without a stored one that
    /// is the same.
    pub fn insert_all<E: Writable<M>>(
        &mut self,
        new: &[E],
        same: impl Fn(&E, &E) -> bool,
    ) -> Result<Vec<E>, M::Error> {
        let mut stored: Vec<E> = Vec::with_capacity(new.len());
        for chunk in new.chunks(ROWS_PER_STATEMENT) {
            let records: Vec<E::Record<'_>> = chunk.iter().map(E::Record::from).collect();
            for row in self.load(E::Record::insert_all_returning(records))? {
                stored.push(entity(row)?);
            }
        }
        match IdOf::<M, E>::SOURCE {
            KeySource::Application => Ok(new.to_vec()),
            KeySource::Database => {
                Ok(in_input_order(new, stored, same).ok_or(diesel::result::Error::NotFound)?)
            }
        }
    }

    /// Updates the row of an entity.
    ///
    /// # Errors
    /// A database error, such as a violated constraint.
    pub fn update<E: Writable<M>>(&mut self, changed: &E) -> Result<(), M::Error> {
        self.execute(E::Record::from(changed).update(changed.key().into())).map(|_| ())
    }

    /// Deletes the entity with this key, and returns whether it existed.
    ///
    /// # Errors
    /// A database error, such as a relation that [restricts](OnDelete::Restrict) the delete; see
    /// [`blocked_by`](Self::blocked_by).
    pub fn delete<E: Stored<M>>(&mut self, key: E::Key) -> Result<bool, M::Error> {
        Ok(self.execute(E::Row::delete(key.into()))? > 0)
    }

    /// Loads the entity with this key, locked until the transaction ends.
    ///
    /// # Errors
    /// A database error or a [corrupt](crate::Corrupt) value.
    pub fn lock<E: Stored<M>>(&mut self, key: E::Key, lock: Lock) -> Result<Option<E>, M::Error> {
        self.first(E::Row::locked(key.into(), lock))?.map(entity).transpose()
    }

    /// Returns whether the entity with this key exists.
    pub fn exists<E: Stored<M>>(&mut self, key: E::Key) -> Result<bool, M::Error> {
        Ok(self.first(E::Row::key_only(key.into()))?.is_some())
    }

    /// Returns whether a foreign key of an entity is empty or refers to an existing entity.
    pub fn refers<R: ToOne<To: Stored<M>>>(&mut self, from: &R::From) -> Result<bool, M::Error> {
        match R::foreign_key(from) {
            Some(key) => self.exists::<R::To>(key),
            None => Ok(true),
        }
    }
}

impl<M: MappedRelations> Connection<M> {
    /// Returns the first relation that blocks the delete of an entity, and the number of entities
    /// it leads to. Such a relation is declared `on delete Restrict` and is not empty.
    ///
    /// Lock the entity first, so that no related entities are inserted. The error of a failed
    /// delete lacks this information, on SQLite even the name of the foreign key.
    pub fn blocked_by<E: Stored<M>>(
        &mut self,
        entity: E,
    ) -> Result<Option<(&'static RelationInfo, u64)>, M::Error> {
        let entity = Entities::new(vec![entity]);
        for relation in restricting(E::INFO) {
            let counted = edge_of::<M>(relation).count(self, &entity)?;
            if let Some(&count @ 1..) = counted.numbers.first() {
                return Ok(Some((relation, count)));
            }
        }
        Ok(None)
    }
}

/// Returns the relations of an entity that can block its delete.
pub fn restricting(
    entity: &recto_relations::EntityInfo,
) -> impl Iterator<Item = &'static RelationInfo> + use<> {
    entity.relations().filter(|relation| {
        relation.cardinality == Cardinality::Many && relation.on_delete == Some(OnDelete::Restrict)
    })
}

/// Sorts stored entities like the new ones.
///
/// Neither engine guarantees the order of returned rows or of generated keys, so stored entities
/// are found by content.
fn in_input_order<E: Entity>(
    new: &[E],
    mut stored: Vec<E>,
    same: impl Fn(&E, &E) -> bool,
) -> Option<Vec<E>> {
    stored.sort_unstable_by_key(Entity::key);
    let mut stored = std::collections::VecDeque::from(stored);
    let next = |new: &E| {
        let index = stored.iter().position(|stored| same(new, stored))?;
        stored.remove(index)
    };
    new.iter().map(next).collect()
}
