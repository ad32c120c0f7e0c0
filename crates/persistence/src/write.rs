//! Creating, changing and deleting entities, whatever their keys.

use chrono::{DateTime, Utc};
use recto_domain::{Conflict, Update, Violation, Violations};
use recto_relations::{Entity, Storage, ToOne};
use recto_relations_diesel::{Lock, Stored, Writable, restricting};

use crate::{Connection, Error, Recto};

/// The rules on an entity that only the database can check.
pub trait Rules: Writable<Recto> {
    /// Checks the foreign keys that clients give.
    ///
    /// # Errors
    /// [`WriteError::Violations`] for a key that refers to nothing; a failing database.
    fn check_references(&self, conn: &mut Connection) -> Result<(), WriteError> {
        let _ = conn;
        Ok(())
    }

    /// Checks a change, after the references.
    ///
    /// # Errors
    /// A [`Conflict`]; a failing database.
    fn check_change(&self, conn: &mut Connection) -> Result<(), Error> {
        let _ = conn;
        Ok(())
    }
}

/// The reason why something was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The input breaks rules that only the database can check.
    #[error(transparent)]
    Violations(#[from] Violations),
    /// The database failed, or a conflict with what is stored.
    #[error(transparent)]
    Database(#[from] Error),
}

/// Inserts a new entity and returns it as it is stored.
///
/// # Errors
/// [`WriteError::Violations`] for a key that refers to nothing; a [`Conflict`]; a failing
/// database.
pub fn create<E: Rules>(conn: &mut Connection, new: E) -> Result<E, WriteError> {
    new.check_references(conn)?;
    Ok(conn.insert(new)?)
}

/// Applies a patch to an entity that is locked, and stores it if that changed it.
///
/// # Errors
/// As for [`create`].
pub fn change<E: Rules + Update>(
    conn: &mut Connection,
    mut entity: E,
    patch: E::Patch,
    now: DateTime<Utc>,
) -> Result<E, WriteError> {
    if entity.apply(patch, now) {
        entity.check_references(conn)?;
        entity.check_change(conn)?;
        conn.update(&entity)?;
    }
    Ok(entity)
}

/// Deletes an entity, and returns whether there was one.
///
/// # Errors
/// [`Conflict::InTheWay`] for entities that refer to it and block the delete; a failing database.
pub fn delete<E: Stored<Recto>>(conn: &mut Connection, key: E::Key) -> Result<bool, Error> {
    if restricting(E::INFO).next().is_some() {
        // Locked, so that no more are added after counting them.
        let Some(entity) = conn.lock::<E>(key, Lock::Update)? else { return Ok(false) };
        if let Some((relation, count)) = conn.blocked_by(entity)? {
            return Err(Conflict::InTheWay { relation: relation.name, count }.into());
        }
    }
    conn.delete::<E>(key)
}

/// Returns the violation of a foreign key that refers to nothing, with a pointer to its field.
pub(crate) fn missing<R: ToOne<To: Stored<Recto>>>(
    conn: &mut Connection,
    from: &R::From,
) -> Result<Option<Violation>, Error> {
    if conn.refers::<R>(from)? {
        return Ok(None);
    }
    let field = match R::INFO.storage {
        Storage::ForeignKey { column, .. } => column,
        Storage::Link { .. } | Storage::Through { .. } => R::INFO.name,
    };
    Ok(Some(Violation {
        pointer: format!("/{field}"),
        detail: format!("there is no such {}", R::To::INFO.name.to_lowercase()).into(),
    }))
}

/// Fails with the violations that were found, if any were.
pub(crate) fn refuse(found: impl IntoIterator<Item = Option<Violation>>) -> Result<(), WriteError> {
    match Violations::from_list(found.into_iter().flatten().collect()) {
        Some(violations) => Err(violations.into()),
        None => Ok(()),
    }
}
