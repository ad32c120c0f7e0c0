//! Requirements on the schema that the compiler checks for each mapped relation.
//!
//! Diesel's `#[derive(Associations)]` alone does not check the nullability of a foreign key, nor
//! `joinable!`.

use diesel::expression::Expression;
use diesel::query_source::{Column, JoinTo, QuerySource};
use diesel::sql_types::{BigInt, Integer, Nullable, SingleValue, SmallInt, SqlType, is_nullable};
use recto_relations::{One, Optional};

use crate::sql::{Sql, sql};

/// The SQL type of a foreign-key column: that of the parent's key, and nullable if and only if the
/// relation is [`Optional`].
#[diagnostic::on_unimplemented(
    message = "a column of type `{Self}` cannot be the foreign key of this relation",
    label = "the foreign key has the wrong type or the wrong nullability",
    note = "the referenced key has the type `{Key}`; `One(…)` requires a column of this type, `Optional(…)` one of type `Nullable<{Key}>`"
)]
pub trait ForeignKeyType<Cardinality, Key> {}

impl<Key: SqlType<IsNull = is_nullable::NotNull> + SingleValue> ForeignKeyType<One, Key> for Key {}

impl<Key> ForeignKeyType<Optional, Key> for Nullable<Key> where
    Key: SqlType<IsNull = is_nullable::NotNull> + SingleValue
{
}

/// A table with `joinable!` to the table of its parent.
#[diagnostic::on_unimplemented(
    message = "`{Self}` and `{Parent}` are not joinable",
    label = "`joinable!` is missing",
    note = "declare `joinable!(child -> parent (foreign_key));` next to the tables; map a table that refers to itself as `HasMany<…, …, SameTable>`"
)]
pub trait Joinable<Parent> {}

// Without this attribute the compiler lists everything that Diesel can join.
#[diagnostic::do_not_recommend]
impl<C: QuerySource + JoinTo<P>, P: QuerySource> Joinable<P> for C {}

/// The default parameter of [`HasMany`](crate::HasMany), for rows of two tables.
#[derive(Debug)]
pub struct TwoTables;

/// The parameter of [`HasMany`](crate::HasMany) for a table that refers to itself.
#[derive(Debug)]
pub struct SameTable;

/// A table with `joinable!` to the table of its parent, or the same table.
#[diagnostic::on_unimplemented(
    message = "`{Self}` and `{Parent}` are not joinable",
    label = "`joinable!` is missing",
    note = "declare `joinable!(child -> parent (foreign_key));` next to the tables; map a table that refers to itself as `HasMany<…, …, SameTable>`"
)]
pub trait JoinedAs<Tables, Parent> {}

#[diagnostic::do_not_recommend]
impl<C: Joinable<P>, P> JoinedAs<TwoTables, P> for C {}

impl<T> JoinedAs<SameTable, T> for T {}

/// A primary key that is the pair of two foreign keys.
#[diagnostic::on_unimplemented(
    message = "a table with the primary key `{Self}` is not a link table",
    label = "the primary key is not the pair of the foreign keys, in the order of the mapping",
    note = "without a composite primary key the same link could be stored twice"
)]
pub trait PairOf<A, B> {}

impl<A, B> PairOf<A, B> for (A, B) {}

/// The default parameter of [`ManyToMany`](crate::ManyToMany), for links without an order.
#[derive(Debug)]
pub struct Unordered;

/// A column that orders links, or [`Unordered`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot order links",
    note = "use an integer column of the link table"
)]
pub trait LinkOrder {
    /// The name of the column.
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

/// An integer SQL type.
pub trait WholeNumber {}

impl WholeNumber for SmallInt {}
impl WholeNumber for Integer {}
impl WholeNumber for BigInt {}
