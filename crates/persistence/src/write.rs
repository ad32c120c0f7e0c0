//! Creating, changing and deleting entities of any module.

use chrono::{DateTime, Utc};
use recto_domain::{Code, Conflict, Update, Versioned, Violation, Violations};
use recto_relations::{Entity, EntityInfo, RelationInfo, Storage, ToOne};
use recto_relations_diesel::{Engine, Lock, Stored, Writable, restricting};

use crate::{Connection, Error, Recto};

/// Rules of an entity that only the database can check.
pub trait Rules: Writable<Recto> {
    /// The relations whose foreign keys clients set: a tuple, `()` for none.
    type References: References<Self>;

    /// Inserts the entity, and returns the stored one.
    ///
    /// # Errors
    /// A [`Conflict`] or a database error.
    fn insert(self, conn: &mut Connection) -> Result<Self, Error> {
        conn.insert(self)
    }

    /// Checks a change, after its foreign keys.
    ///
    /// # Errors
    /// A [`Conflict`] or a database error.
    fn check_change(&self, conn: &mut Connection) -> Result<(), Error> {
        let _ = conn;
        Ok(())
    }

    /// Checks a delete, and advances the version of each entity whose foreign key is set to NULL.
    ///
    /// # Errors
    /// A [`Conflict`] or a database error.
    fn before_delete(conn: &mut Connection, key: Self::Key) -> Result<(), Error> {
        let _ = (conn, key);
        Ok(())
    }
}

/// Inserts an entity and returns the stored one.
///
/// # Errors
/// [`Error::Violations`] for foreign keys that refer to no entity, a [`Conflict`] or a database
/// error.
pub fn create<E: Rules>(conn: &mut Connection, new: E) -> Result<E, Error> {
    check_references(conn, &new)?;
    new.insert(conn).map_err(as_violation::<E>)
}

/// Inserts an entity below a parent, and returns the stored one.
///
/// # Errors
/// [`Error::MissingReference`] if the parent does not exist; as for [`create`].
pub fn create_below<P: Stored<Recto>, E: Rules>(
    conn: &mut Connection,
    parent: P::Key,
    new: E,
) -> Result<E, Error> {
    // PostgreSQL reports which foreign key refers to nothing; SQLite does not, and lookups are
    // cheap.
    if conn.engine() == Engine::Sqlite && !conn.exists::<P>(parent)? {
        return Err(Error::MissingReference { field: parent_key::<P, E>(), entity: P::INFO });
    }
    create(conn, new)
}

/// Applies a patch to a locked entity, and stores the entity if it changed.
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

/// Deletes an entity and returns whether it existed.
///
/// # Errors
/// [`Conflict::StillReferenced`] if other entities block the delete, or a database error.
pub fn delete<E: Rules>(conn: &mut Connection, key: E::Key) -> Result<bool, Error> {
    // The lock waits for transactions that have written a reference, and prevents new ones.
    let Some(entity) = conn.lock::<E>(key, Lock::Update)? else { return Ok(false) };
    if restricting(E::INFO).next().is_some()
        && let Some((relation, count)) = conn.blocked_by(entity)?
    {
        return Err(Conflict::StillReferenced { relation: relation.name, count }.into());
    }
    E::before_delete(conn, key)?;
    conn.delete::<E>(key)
}

/// Increments the version of a locked entity and stores it, after a change of its links.
///
/// # Errors
/// A database error.
pub fn advance<E: Rules + Versioned>(conn: &mut Connection, mut entity: E) -> Result<E, Error> {
    entity.advance();
    conn.update(&entity)?;
    Ok(entity)
}

/// Returns an error with a violation for each foreign key that refers to no entity.
fn check_references<E: Rules>(conn: &mut Connection, entity: &E) -> Result<(), Error> {
    match Violations::from_list(E::References::missing(conn, entity)?) {
        Some(violations) => Err(violations.into()),
        None => Ok(()),
    }
}

/// Converts the error for a foreign key that a client set, if its entity was deleted after the
/// check, to a violation.
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

    /// Returns a violation for each foreign key that refers to no entity.
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

/// Returns the violation of a foreign key that refers to no entity.
fn missing<R: ToOne<To: Stored<Recto>>>(
    conn: &mut Connection,
    from: &R::From,
) -> Result<Option<Violation>, Error> {
    if conn.refers::<R>(from)? {
        return Ok(None);
    }
    Ok(Some(no_such(field(R::INFO), R::To::INFO)))
}

/// Returns the name of the foreign key of `E` that refers to the parent `P`.
fn parent_key<P: Entity, E: Entity>() -> &'static str {
    let mut to_parent = E::INFO.relations().filter(|relation| relation.to == P::INFO);
    to_parent.next().map_or(P::INFO.name, field)
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
        code: Code::Reference,
        detail: format!("must be the id of an existing {}", entity.name.to_lowercase()).into(),
    }
}
