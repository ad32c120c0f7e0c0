//! Inserting, updating, deleting and locking entities, whatever their keys.

use recto_relations::{Cardinality, Entities, Entity, OnDelete, RelationInfo, ToOne};

use crate::bounds::{Record as _, Row};
use crate::connection::Connection;
use crate::key::{KeySource, KeyValue as _};
use crate::load::{MappedRelations, edge_of};
use crate::mapping::{IdOf, Mapping, Stored, Writable, entity};
use crate::query::Lock;

/// How many rows one statement inserts: SQLite binds 32,766 values in a statement, PostgreSQL
/// 65,535, and Diesel's tables have 32 columns at most unless a feature allows more.
const ROWS_PER_STATEMENT: usize = 1_000;

impl<M: Mapping> Connection<M> {
    /// Inserts an entity and returns it as it is stored: with the key that the database made, if
    /// it makes the keys.
    ///
    /// # Errors
    /// A failing database, or a violated constraint.
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

    /// Inserts several entities, with one statement for a thousand of them, and returns them as
    /// they are stored, in the same order.
    ///
    /// Where the database makes the keys, `same` says whether a stored entity is a new one, all
    /// but the key.
    ///
    /// # Errors
    /// A failing database, or a violated constraint; a new entity that is the same as none of
    /// those that are stored.
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
                Ok(in_order_of(new, stored, same).ok_or(diesel::result::Error::NotFound)?)
            }
        }
    }

    /// Updates the row of an entity.
    ///
    /// # Errors
    /// A failing database, or a violated constraint.
    pub fn update<E: Writable<M>>(&mut self, changed: &E) -> Result<(), M::Error> {
        self.execute(E::Record::from(changed).update(changed.key().into())).map(|_| ())
    }

    /// Deletes the entity with a key, and returns whether there was one.
    ///
    /// # Errors
    /// A failing database, or rows that refer to it and [`Restrict`](OnDelete::Restrict) the
    /// delete: see [`blocked_by`](Self::blocked_by).
    pub fn delete<E: Stored<M>>(&mut self, key: E::Key) -> Result<bool, M::Error> {
        Ok(self.execute(E::Row::delete(key.into()))? > 0)
    }

    /// Loads the entity with a key, locked until the transaction ends.
    ///
    /// # Errors
    /// A failing database, or a corrupt value.
    pub fn lock<E: Stored<M>>(&mut self, key: E::Key, lock: Lock) -> Result<Option<E>, M::Error> {
        self.first(E::Row::locked(key.into(), lock))?.map(entity).transpose()
    }

    /// Returns whether there is an entity with a key.
    ///
    /// # Errors
    /// A failing database.
    pub fn exists<E: Stored<M>>(&mut self, key: E::Key) -> Result<bool, M::Error> {
        Ok(self.first(E::Row::key_only(key.into()))?.is_some())
    }

    /// Returns whether a foreign key of an entity is empty or refers to an existing entity.
    ///
    /// # Errors
    /// A failing database.
    pub fn refers<R: ToOne<To: Stored<M>>>(&mut self, from: &R::From) -> Result<bool, M::Error> {
        match R::foreign_key(from) {
            Some(key) => self.exists::<R::To>(key),
            None => Ok(true),
        }
    }
}

impl<M: MappedRelations> Connection<M> {
    /// Returns the first relation that blocks the delete of an entity, since it is declared
    /// `on delete Restrict` and leads somewhere, and how many entities it leads to.
    ///
    /// Lock the entity first, so that no more are added. SQLite does not name the foreign key that
    /// refused a delete, and neither engine counts its rows.
    ///
    /// # Errors
    /// A failing database.
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

/// Returns the relations of an entity that may block its delete.
pub fn restricting(
    entity: &recto_relations::EntityInfo,
) -> impl Iterator<Item = &'static RelationInfo> + use<> {
    entity.relations().filter(|relation| {
        relation.cardinality == Cardinality::Many && relation.on_delete == Some(OnDelete::Restrict)
    })
}

/// Puts stored entities in the order of the new ones.
///
/// Neither engine promises an order for the rows that an insert returns. Keys ascend in the order
/// of the rows as far as anybody knows; the content of a row settles it.
fn in_order_of<E: Entity>(
    new: &[E],
    mut stored: Vec<E>,
    same: impl Fn(&E, &E) -> bool,
) -> Option<Vec<E>> {
    stored.sort_unstable_by_key(Entity::key);
    let mut stored = std::collections::VecDeque::from(stored);
    let next = |new: &E| {
        let place = stored.iter().position(|stored| same(new, stored))?;
        stored.remove(place)
    };
    new.iter().map(next).collect()
}
