//! Creating, changing and deleting entities, whatever their keys.

use chrono::{DateTime, Utc};
use recto_domain::{Conflict, Update, Violation, Violations};
use recto_relations::{Entity, EntityInfo, RelationInfo, Storage, ToOne};
use recto_relations_diesel::{Lock, Stored, Writable, restricting};

use crate::{Connection, Error, Recto};

/// The rules on an entity that only the database can check.
pub trait Rules: Writable<Recto> {
    /// The relations whose foreign keys clients give: a tuple of them, `()` for none.
    type References: References<Self>;

    /// Checks a change, after the references.
    ///
    /// # Errors
    /// A [`Conflict`]; a failing database.
    fn check_change(&self, conn: &mut Connection) -> Result<(), Error> {
        let _ = conn;
        Ok(())
    }
}

/// Inserts a new entity and returns it as it is stored.
///
/// # Errors
/// [`Error::Violations`] for a key that refers to nothing; a [`Conflict`]; a failing
/// database.
pub fn create<E: Rules>(conn: &mut Connection, new: E) -> Result<E, Error> {
    check_references(conn, &new)?;
    conn.insert(new).map_err(as_violation::<E>)
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
) -> Result<E, Error> {
    if entity.apply(patch, now) {
        check_references(conn, &entity)?;
        entity.check_change(conn)?;
        conn.update(&entity).map_err(as_violation::<E>)?;
    }
    Ok(entity)
}

/// Deletes an entity, and returns whether there was one.
///
/// # Errors
/// [`Conflict::StillReferenced`] for entities that refer to it and block the delete; a failing database.
pub fn delete<E: Stored<Recto>>(conn: &mut Connection, key: E::Key) -> Result<bool, Error> {
    if restricting(E::INFO).next().is_some() {
        // Locked, so that no more are added after counting them.
        let Some(entity) = conn.lock::<E>(key, Lock::Update)? else { return Ok(false) };
        if let Some((relation, count)) = conn.blocked_by(entity)? {
            return Err(Conflict::StillReferenced { relation: relation.name, count }.into());
        }
    }
    conn.delete::<E>(key)
}

/// Fails with a violation for each foreign key that refers to nothing.
fn check_references<E: Rules>(conn: &mut Connection, entity: &E) -> Result<(), Error> {
    match Violations::from_list(E::References::missing(conn, entity)?) {
        Some(violations) => Err(violations.into()),
        None => Ok(()),
    }
}

/// Returns the violation of a foreign key that a client gave and whose entity was deleted since it
/// was checked.
fn as_violation<E: Rules>(error: Error) -> Error {
    match error {
        Error::MissingReference { field, entity } if E::References::FIELDS.contains(&field) => {
            Violations::from_list(vec![no_such(field, entity)]).map_or(error, Error::Violations)
        }
        other => other,
    }
}

/// To-one relations of the entity `E`.
pub trait References<E> {
    /// The foreign keys.
    const FIELDS: &'static [&'static str];

    /// Returns a violation for each foreign key that refers to nothing.
    ///
    /// # Errors
    /// A failing database.
    fn missing(conn: &mut Connection, entity: &E) -> Result<Vec<Violation>, Error>;
}

impl<E> References<E> for () {
    const FIELDS: &'static [&'static str] = &[];

    fn missing(_: &mut Connection, _: &E) -> Result<Vec<Violation>, Error> {
        Ok(Vec::new())
    }
}

impl<E, R> References<E> for (R,)
where
    E: Entity,
    R: ToOne<From = E, To: Stored<Recto>>,
{
    const FIELDS: &'static [&'static str] = &[field(R::INFO)];

    fn missing(conn: &mut Connection, entity: &E) -> Result<Vec<Violation>, Error> {
        Ok(missing::<R>(conn, entity)?.into_iter().collect())
    }
}

impl<E, R, S> References<E> for (R, S)
where
    E: Entity,
    R: ToOne<From = E, To: Stored<Recto>>,
    S: ToOne<From = E, To: Stored<Recto>>,
{
    const FIELDS: &'static [&'static str] = &[field(R::INFO), field(S::INFO)];

    fn missing(conn: &mut Connection, entity: &E) -> Result<Vec<Violation>, Error> {
        let both = [missing::<R>(conn, entity)?, missing::<S>(conn, entity)?];
        Ok(both.into_iter().flatten().collect())
    }
}

/// Returns the violation of a foreign key that refers to nothing, with a pointer to its field.
fn missing<R: ToOne<To: Stored<Recto>>>(
    conn: &mut Connection,
    from: &R::From,
) -> Result<Option<Violation>, Error> {
    if conn.refers::<R>(from)? {
        return Ok(None);
    }
    Ok(Some(no_such(field(R::INFO), R::To::INFO)))
}

/// Returns the name of the foreign key of a to-one relation.
const fn field(relation: &RelationInfo) -> &'static str {
    match relation.storage {
        Storage::ForeignKey { column, .. } => column,
        Storage::Link { .. } | Storage::Through { .. } => relation.name,
    }
}

fn no_such(field: &str, entity: &EntityInfo) -> Violation {
    Violation {
        pointer: format!("/{field}"),
        detail: format!("there is no such {}", entity.name.to_lowercase()).into(),
    }
}
