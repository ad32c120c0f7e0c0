//! Entities that the database numbers: one declaration gives an entity its
//! row, its table, and what is written there.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use recto_domain::{Conflict, Input, Violation, Violations};
use recto_relations::{Cardinality, Entities, Entity, OnDelete};

use crate::relation::Stored;
use crate::{Connection, Error};

/// An entity that the database numbers, and that clients make, change and delete.
///
/// Implemented by this crate for the entities of the rooms `blog`, `school` and `org`.
pub trait Numbered: Stored {
    /// What makes one.
    type New: Input + Clone + Send + 'static;
    /// What changes one.
    type Patch: Input + Clone + Send + 'static;
    /// What it is made under, besides what a client gives: `()` or a key.
    type Under: Copy + Send + 'static;

    /// Makes one. Keys that lead nowhere are told as violations, each with its pointer.
    ///
    /// # Errors
    /// [`Refused::Violations`]; a failing database.
    fn insert(
        conn: &mut Connection,
        new: Self::New,
        under: Self::Under,
        at: DateTime<Utc>,
    ) -> Result<Self, Refused>;

    /// Makes several with one statement, in the order given. The keys that they hold must be
    /// known to lead somewhere.
    ///
    /// # Errors
    /// A failing database.
    fn insert_all(
        conn: &mut Connection,
        new: Vec<Self::New>,
        under: Self::Under,
        at: DateTime<Utc>,
    ) -> Result<Vec<Self>, Error>;

    /// The one with that key, kept as it is until the transaction ends.
    ///
    /// Others can point at it meanwhile; two who point at each other would wait
    /// in a ring if they could not.
    ///
    /// # Errors
    /// A failing database.
    fn lock(conn: &mut Connection, key: Self::Key) -> Result<Option<Self>, Error>;

    /// Carries a patch out on one that is locked, and stores it if it changed.
    ///
    /// # Errors
    /// [`Refused::Violations`] for a key that leads nowhere; a failing database.
    fn patch(
        conn: &mut Connection,
        entity: Self,
        patch: Self::Patch,
        now: DateTime<Utc>,
    ) -> Result<Self, Refused>;

    /// Deletes one. Tells whether there was one.
    ///
    /// # Errors
    /// [`Conflict::InTheWay`] when something that would be left behind stands in the way.
    fn delete(conn: &mut Connection, key: Self::Key) -> Result<bool, Error>;
}

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// What was sent breaks rules that only the database can tell.
    #[error(transparent)]
    Violations(#[from] Violations),
    /// The database failed, or refused.
    #[error(transparent)]
    Database(#[from] Error),
}

impl From<diesel::result::Error> for Refused {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Refuses to delete what restricting relations still lead from.
///
/// SQLite does not tell which foreign key refused, and neither engine tells how
/// many rows stand behind it, so they are counted before.
pub(crate) fn nothing_in_the_way<E: Stored>(conn: &mut Connection, entity: E) -> Result<(), Error> {
    let level = Entities::new(vec![entity]);
    for edge in E::edges() {
        let relation = edge.info();
        let restricts = relation.from == E::INFO
            && relation.cardinality == Cardinality::Many
            && relation.on_delete == Some(OnDelete::Restrict);
        if !restricts {
            continue;
        }
        let counted = edge.count(conn, &level)?;
        if let Some(&count @ 1..) = counted.numbers.first() {
            return Err(Conflict::InTheWay { relation: relation.name, count }.into());
        }
    }
    Ok(())
}

/// The violation that a key leads nowhere, pointing at the member that holds it.
pub(crate) fn look_up<E: Stored>(
    conn: &mut Connection,
    member: &str,
    key: Option<E::Key>,
) -> Result<Option<Violation>, Error> {
    let Some(key) = key else { return Ok(None) };
    let found = E::by_key(conn, key)?;
    Ok(found.is_none().then(|| Violation {
        pointer: format!("/{member}"),
        detail: format!("there is no such {}", E::INFO.name.to_lowercase()).into(),
    }))
}

/// Rows in one statement, of which each binds a few values: SQLite takes 32,766 of them, PostgreSQL
/// 65,535.
pub(crate) const ROWS_PER_STATEMENT: usize = 2_000;

/// What was made, in the order in which it was asked for.
///
/// Neither engine promises an order for what an insert gives back. Numbers ascend in the order of
/// the rows as far as anybody knows; what a row holds settles it.
pub(crate) fn in_order<E: Stored, N>(
    mut made: Vec<E>,
    new: &[N],
    is: impl Fn(&N, &E) -> bool,
) -> Vec<E> {
    made.sort_unstable_by_key(Entity::key);
    let mut made = VecDeque::from(made);
    let next = |new: &N| {
        let place = made.iter().position(|made| is(new, made))?;
        made.remove(place)
    };
    new.iter().filter_map(next).collect()
}

/// Gives an entity that the database numbers its row and its table.
///
/// `text` members may have a column to sort by, in brackets. `key` members are
/// looked up before they are written; an optional one is `key?`.
macro_rules! numbered {
    (
        $entity:ident($id:ident) in $table:ident as $row:ident,
        edges: $edges:path,
        new: $new:ident, patch: $patch:ident,
        $(text $text:ident $([$text_key:ident])?,)*
        $(key $key:ident: $key_entity:ident,)*
        $(key? $maybe:ident: $maybe_entity:ident,)*
        $(under $under:ident: $under_type:ident,)?
        $(guard: $guard:path,)?
    ) => {
        #[derive(Debug, diesel::Queryable, diesel::Selectable, diesel::Identifiable)]
        #[diesel(table_name = $table)]
        pub(crate) struct $row {
            pub(super) id: i64,
            $($text: String,)*
            $(pub(super) $key: i64,)*
            $(pub(super) $maybe: Option<i64>,)*
            $(pub(super) $under: i64,)?
            created_at: $crate::sql_types::InstantValue,
            updated_at: $crate::sql_types::InstantValue,
        }

        impl TryFrom<$row> for recto_domain::$entity {
            type Error = $crate::Error;

            fn try_from(row: $row) -> Result<Self, $crate::Error> {
                let reading = $crate::row::Reading { table: stringify!($table), row: &row.id };
                Ok(Self {
                    id: reading.column("id", row.id)?,
                    $($text: reading.column(stringify!($text), row.$text)?,)*
                    $($key: reading.column(stringify!($key), row.$key)?,)*
                    $($maybe: reading.optional(stringify!($maybe), row.$maybe)?,)*
                    $($under: reading.column(stringify!($under), row.$under)?,)?
                    created_at: row.created_at.0,
                    updated_at: row.updated_at.0,
                })
            }
        }

        $crate::relation::stored! {
            recto_domain::$entity, $row, $table.id, edges: $edges,
            sorts: [$($(stringify!($text) => stringify!($text_key),)?)*]
        }

        const _: () = {
            use chrono::{DateTime, Utc};
            use diesel::{
                ExpressionMethods as _, QueryDsl as _, RunQueryDsl as _, SelectableHelper as _,
            };
            use recto_domain::{$entity, $id, $new, $patch, Violation, Violations};
            use $crate::connection::{lock_row, on_engine};
            use $crate::numbered::{Numbered, Refused, nothing_in_the_way};
            use $crate::query::SqlKey as _;
            use $crate::sql_types::InstantValue;
            use $crate::{Connection, Error};

            // Several rows fit in one statement on SQLite only where none leaves out a column.
            #[derive(diesel::Insertable, diesel::AsChangeset)]
            #[diesel(
                table_name = $table,
                treat_none_as_null = true,
                treat_none_as_default_value = false
            )]
            struct Record<'r> {
                $($text: &'r str, $($text_key: String,)?)*
                $($key: i64,)*
                $($maybe: Option<i64>,)*
                updated_at: InstantValue,
            }

            impl<'r> Record<'r> {
                fn of(new: &'r $new, at: DateTime<Utc>) -> Self {
                    Self {
                        $(
                            $text: new.$text.as_str(),
                            $($text_key: recto_domain::text_key(new.$text.as_str()),)?
                        )*
                        $($key: new.$key.value(),)*
                        $($maybe: new.$maybe.map(|key| key.value()),)*
                        updated_at: InstantValue(at),
                    }
                }
            }

            impl Numbered for $entity {
                type New = $new;
                type Patch = $patch;
                type Under = $crate::numbered::numbered!(@under $($under_type)?);

                fn insert(
                    conn: &mut Connection,
                    new: $new,
                    under: Self::Under,
                    at: DateTime<Utc>,
                ) -> Result<Self, Refused> {
                    let wrong: Vec<Option<Violation>> = vec![
                        $($crate::numbered::look_up::<recto_domain::$key_entity>(
                            conn, stringify!($key), Some(new.$key))?,)*
                        $($crate::numbered::look_up::<recto_domain::$maybe_entity>(
                            conn, stringify!($maybe), new.$maybe)?,)*
                    ];
                    if let Some(wrong) = Violations::from_list(wrong.into_iter().flatten().collect()) {
                        return Err(wrong.into());
                    }
                    let record = Record::of(&new, at);
                    let id: i64 = on_engine!(conn, c => {
                        diesel::insert_into($table::table)
                            .values((
                                record,
                                $table::created_at.eq(InstantValue(at)),
                                $($table::$under.eq(under.value()),)?
                            ))
                            .returning($table::id)
                            .get_result(c)?
                    });
                    let () = $crate::numbered::numbered!(@unused under $($under)?);
                    let id = $id::new(id).map_err(|reason| {
                        $crate::row::corrupt_key(stringify!($table), "id", &reason)
                    })?;
                    Ok(Self::new(id, at, new, $($crate::numbered::numbered!(@value under $under))?))
                }

                fn insert_all(
                    conn: &mut Connection,
                    new: Vec<$new>,
                    under: Self::Under,
                    at: DateTime<Utc>,
                ) -> Result<Vec<Self>, Error> {
                    let records: Vec<_> = new
                        .iter()
                        .map(|new| (
                            Record::of(new, at),
                            $table::created_at.eq(InstantValue(at)),
                            $($table::$under.eq(under.value()),)?
                        ))
                        .collect();
                    let () = $crate::numbered::numbered!(@unused under $($under)?);
                    let mut made: Vec<Self> = Vec::with_capacity(new.len());
                    for chunk in records.chunks($crate::numbered::ROWS_PER_STATEMENT) {
                        let rows = on_engine!(conn, c => {
                            diesel::insert_into($table::table)
                                .values(chunk)
                                .returning($row::as_returning())
                                .get_results::<$row>(c)?
                        });
                        for row in rows {
                            made.push(Self::try_from(row)?);
                        }
                    }
                    Ok($crate::numbered::in_order(made, &new, |new, made| {
                        $(new.$text == made.$text &&)*
                        $(new.$key == made.$key &&)*
                        $(new.$maybe == made.$maybe &&)*
                        true
                    }))
                }

                fn lock(conn: &mut Connection, key: Self::Key) -> Result<Option<Self>, Error> {
                    // Others may go on pointing at it, which they do by its key.
                    let row = lock_row!(conn, $table, key.value(), $row, for_no_key_update);
                    $crate::relation::optional(row)?.map(Self::try_from).transpose()
                }

                fn patch(
                    conn: &mut Connection,
                    mut entity: Self,
                    patch: $patch,
                    now: DateTime<Utc>,
                ) -> Result<Self, Refused> {
                    if !entity.apply(patch, now) {
                        return Ok(entity);
                    }
                    let wrong: Vec<Option<Violation>> = vec![
                        $($crate::numbered::look_up::<recto_domain::$key_entity>(
                            conn, stringify!($key), Some(entity.$key))?,)*
                        $($crate::numbered::look_up::<recto_domain::$maybe_entity>(
                            conn, stringify!($maybe), entity.$maybe)?,)*
                    ];
                    if let Some(wrong) = Violations::from_list(wrong.into_iter().flatten().collect()) {
                        return Err(wrong.into());
                    }
                    $($guard(conn, &entity)?;)?
                    let record = Record {
                        $(
                            $text: entity.$text.as_str(),
                            $($text_key: recto_domain::text_key(entity.$text.as_str()),)?
                        )*
                        $($key: entity.$key.value(),)*
                        $($maybe: entity.$maybe.map(|key| key.value()),)*
                        updated_at: InstantValue(entity.updated_at),
                    };
                    on_engine!(conn, c => {
                        diesel::update($table::table.find(entity.id.value()))
                            .set(&record)
                            .execute(c)?
                    });
                    Ok(entity)
                }

                fn delete(conn: &mut Connection, key: Self::Key) -> Result<bool, Error> {
                    // Locked, so that nothing gets in the way after looking.
                    let row = lock_row!(conn, $table, key.value(), $row, for_update);
                    let Some(row) = $crate::relation::optional(row)? else { return Ok(false) };
                    nothing_in_the_way::<Self>(conn, row.try_into()?)?;
                    let deleted = on_engine!(conn, c => {
                        diesel::delete($table::table.find(key.value())).execute(c)?
                    });
                    Ok(deleted > 0)
                }
            }
        };
    };

    (@under) => { () };
    (@under $type:ident) => { recto_domain::$type };
    (@unused $under:ident) => { $under };
    (@unused $under:ident $name:ident) => { () };
    (@value $under:ident $name:ident) => { $under };
}
pub(crate) use numbered;

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use recto_domain::{Company, CompanyId, CompanyName, NewCompany};

    use super::in_order;

    #[test]
    fn what_was_made_is_put_in_the_order_asked_for() {
        let new = |name: &str| NewCompany { name: CompanyName::parse(name).unwrap() };
        let asked = ["b", "a", "b", "c"].map(new);
        let made = [(3, "b"), (4, "c"), (1, "a"), (2, "b")].map(|(id, name)| {
            Company::new(CompanyId::new(id).unwrap(), DateTime::UNIX_EPOCH, new(name))
        });
        let ordered = in_order(made.to_vec(), &asked, |new, made| new.name == made.name);
        let numbers: Vec<_> = ordered.iter().map(|company| company.id.get()).collect();
        assert_eq!(numbers, [2, 1, 3, 4]);
    }
}
