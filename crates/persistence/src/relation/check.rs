//! What the compiler demands of the schema before it believes a relation.
//!
//! Diesel's own `#[derive(Associations)]` accepts a key of any type and never
//! looks at `joinable!`. These checks stand at each mapping, one after the
//! other, so that one mistake gives one error that names it.

use diesel::expression::Expression;
use diesel::query_source::{JoinTo, Table};
use diesel::sql_types::Nullable;
use diesel::{Column, QuerySource};
use recto_domain::relation::{OptionalKey, RequiredKey};

/// A column that can store a relation: of the type of the parent's key, and
/// nullable exactly if the relation is optional.
#[diagnostic::on_unimplemented(
    message = "the column `{Self}` cannot be the foreign key of this relation",
    label = "wrong type, or nullable where the relation is not",
    note = "an `optional(…)` relation needs a column `Nullable<K>`, a `one(…)` relation a column `K`, where `K` is the SQL type of the parent's key"
)]
pub trait ForeignKeyColumn<Presence, Key> {}

impl<C: Column<SqlType = Nullable<K>>, K> ForeignKeyColumn<OptionalKey, K> for C {}

impl<C: Column<SqlType = K>, K> ForeignKeyColumn<RequiredKey, K> for C {}

/// A table that `joinable!` joins to its parent's.
#[diagnostic::on_unimplemented(
    message = "the tables of this relation are not joinable",
    label = "`joinable!` is missing for this table and `{Parent}`",
    note = "declare `joinable!(child -> parent (foreign_key));` beside the tables"
)]
pub trait Joined<Parent> {}

impl<C: QuerySource + JoinTo<P>, P: QuerySource> Joined<P> for C {}

/// A link table whose primary key is the pair of its foreign keys.
#[diagnostic::on_unimplemented(
    message = "the table `{Self}` is not a link table for this relation",
    label = "its primary key is not the pair of its two foreign keys",
    note = "without the composite primary key the same link could be stored twice"
)]
pub trait LinkTable<A, B> {}

impl<T: Table<PrimaryKey = (A, B)>, A, B> LinkTable<A, B> for T {}

/// Holds when `K` can store a relation to a parent whose key is `P`.
pub const fn foreign_key<K, Presence, P: Expression>(_: &K, _: &P)
where
    K: ForeignKeyColumn<Presence, P::SqlType>,
{
}

/// Holds when the table `C` is joined to the table `P`.
pub const fn joined<C: Joined<P>, P>(_: &C, _: &P) {}

/// Holds when `T` is keyed by the pair.
pub const fn link<T: LinkTable<A, B>, A, B>(_: &T, _: &A, _: &B) {}
