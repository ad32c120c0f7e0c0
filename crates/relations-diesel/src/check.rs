//! What the compiler demands of the schema before it accepts a mapping.
//!
//! Diesel's `#[derive(Associations)]` accepts a foreign key of any nullability and does not look
//! at `joinable!`.

use diesel::expression::Expression;
use diesel::query_source::{Column, JoinTo, QuerySource};
use diesel::sql_types::{BigInt, Integer, Nullable, SingleValue, SmallInt, SqlType, is_nullable};
use recto_relations::{One, Optional};

use crate::sql::{Sql, sql};

/// The SQL type of a column that can store a relation: that of the parent's key, and nullable
/// exactly if the relation is [`Optional`].
#[diagnostic::on_unimplemented(
    message = "a column of type `{Self}` cannot be the foreign key of this relation",
    label = "the foreign key has the wrong type, or may be empty where the relation may not (or the reverse)",
    note = "the key it refers to has the type `{Key}`; a relation `One(…)` needs a column of just that type, a relation `Optional(…)` one of `Nullable<{Key}>`"
)]
pub trait ForeignKeyType<Kind, Key> {}

impl<Key: SqlType<IsNull = is_nullable::NotNull> + SingleValue> ForeignKeyType<One, Key> for Key {}

impl<Key> ForeignKeyType<Optional, Key> for Nullable<Key> where
    Key: SqlType<IsNull = is_nullable::NotNull> + SingleValue
{
}

/// A table that `joinable!` joins to its parent's.
#[diagnostic::on_unimplemented(
    message = "`{Self}` and `{Parent}` are not joinable",
    label = "`joinable!` is missing",
    note = "declare `joinable!(child -> parent (foreign_key));` beside the tables; a table that refers to itself is mapped as `HasMany<…, …, SameTable>`"
)]
pub trait Joinable<Parent> {}

// Else the compiler lists all that Diesel can join instead.
#[diagnostic::do_not_recommend]
impl<C: QuerySource + JoinTo<P>, P: QuerySource> Joinable<P> for C {}

/// The parameter of [`HasMany`](crate::HasMany) for rows of two tables, the default.
#[derive(Debug)]
pub struct TwoTables;

/// The parameter of [`HasMany`](crate::HasMany) for a table that refers to itself.
#[derive(Debug)]
pub struct SameTable;

/// A table that is joined to its parent's, or is the same.
#[diagnostic::on_unimplemented(
    message = "`{Self}` and `{Parent}` are not joinable",
    label = "`joinable!` is missing",
    note = "declare `joinable!(child -> parent (foreign_key));` beside the tables; a table that refers to itself is mapped as `HasMany<…, …, SameTable>`"
)]
pub trait JoinedAs<Tables, Parent> {}

#[diagnostic::do_not_recommend]
impl<C: Joinable<P>, P> JoinedAs<TwoTables, P> for C {}

impl<T> JoinedAs<SameTable, T> for T {}

/// A primary key that is the pair of the foreign keys of a link table.
#[diagnostic::on_unimplemented(
    message = "a table keyed by `{Self}` is not a link table",
    label = "the primary key of this table is not the pair of its two foreign keys, in the order of the mapping",
    note = "without the composite primary key the same link could be stored twice"
)]
pub trait PairOf<A, B> {}

impl<A, B> PairOf<A, B> for (A, B) {}

/// The parameter of [`ManyToMany`](crate::ManyToMany) for links without an order, the default.
#[derive(Debug)]
pub struct Unordered;

/// A column that orders links, or [`Unordered`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot order links",
    note = "give a column of the link table that holds a whole number"
)]
pub trait LinkOrder {
    /// Its name.
    const NAME: Option<&'static str>;

    /// Returns the column.
    #[doc(hidden)]
    fn column() -> Option<&'static dyn Sql>;
}

impl LinkOrder for Unordered {
    const NAME: Option<&'static str> = None;

    fn column() -> Option<&'static dyn Sql> {
        None
    }
}

#[diagnostic::do_not_recommend]
impl<C> LinkOrder for C
where
    C: Column + Expression<SqlType: WholeNumber> + Sql + Default + 'static,
{
    const NAME: Option<&'static str> = Some(C::NAME);

    fn column() -> Option<&'static dyn Sql> {
        Some(sql::<C>())
    }
}

/// A SQL type of whole numbers.
pub trait WholeNumber {}

impl WholeNumber for SmallInt {}
impl WholeNumber for Integer {}
impl WholeNumber for BigInt {}
