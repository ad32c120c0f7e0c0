//! What the compiler demands of the schema before it believes a relation.
//!
//! Diesel's own `#[derive(Associations)]` accepts a key of any type and never
//! looks at `joinable!`. These checks stand at each mapping, one after the
//! other, so that one mistake gives one error that names it.

use diesel::QuerySource;
use diesel::expression::Expression;
use diesel::query_source::{JoinTo, Table};
use diesel::sql_types::{BigInt, Integer, Nullable};
use recto_domain::relation::{OptionalKey, RelationInfo, RequiredKey};

use crate::sql_types::Uid;

/// The SQL type of a column that can store a relation: that of the parent's
/// key, and nullable exactly if the relation is optional.
#[diagnostic::on_unimplemented(
    message = "a column of type `{Self}` cannot be the foreign key of this relation",
    label = "wrong type, or nullable where the relation is not",
    note = "an `optional(…)` relation needs a column `Nullable<K>`, a `one(…)` relation a column `K`, where `K` is the SQL type of the parent's key"
)]
pub trait ForeignKeyType<Presence, Key> {}

/// The types that keys have. They are listed, for of a single implementation
/// for all of them the compiler would only say that two types differ.
macro_rules! key_types {
    ($($key:ty),+) => {$(
        impl ForeignKeyType<OptionalKey, $key> for Nullable<$key> {}
        impl ForeignKeyType<RequiredKey, $key> for $key {}
    )+};
}

key_types!(Uid, Integer, BigInt);

/// A table that `joinable!` joins to its parent's.
#[diagnostic::on_unimplemented(
    message = "the tables of this relation are not joinable",
    label = "`joinable!` is missing for this table and `{Parent}`",
    note = "declare `joinable!(child -> parent (foreign_key));` beside the tables"
)]
pub trait Joined<Parent> {}

impl<C: QuerySource + JoinTo<P>, P: QuerySource> Joined<P> for C {}

/// A primary key that is the pair of the foreign keys of a link table.
#[diagnostic::on_unimplemented(
    message = "the table is not a link table for this relation",
    label = "its primary key is not the pair of its two foreign keys",
    note = "without the composite primary key the same link could be stored twice"
)]
pub trait PairOf<A, B> {}

impl<A, B> PairOf<A, B> for (A, B) {}

/// Holds when `K` can store a relation to a parent whose key is `P`.
///
/// ```
/// use recto_domain::relation::{OptionalKey, RelationInfo, RequiredKey};
/// use recto_persistence::relation::check::foreign_key;
/// use recto_persistence::schema::{books, reviews, users};
///
/// foreign_key::<_, OptionalKey, _>(&books::user_uid, &users::uid);
/// foreign_key::<_, RequiredKey, _>(&reviews::book_uid, &books::uid);
/// ```
///
/// A column that may be empty stores no required relation, one that may not be
/// stores no optional one, and a text is no key:
///
/// ```compile_fail,E0277
/// # use recto_domain::relation::RequiredKey;
/// # use recto_persistence::{relation::check::foreign_key, schema::{books, users}};
/// foreign_key::<_, RequiredKey, _>(&books::user_uid, &users::uid);
/// ```
///
/// ```compile_fail,E0277
/// # use recto_domain::relation::OptionalKey;
/// # use recto_persistence::{relation::check::foreign_key, schema::{books, reviews}};
/// foreign_key::<_, OptionalKey, _>(&reviews::book_uid, &books::uid);
/// ```
///
/// ```compile_fail,E0277
/// # use recto_domain::relation::RequiredKey;
/// # use recto_persistence::{relation::check::foreign_key, schema::{books, users}};
/// foreign_key::<_, RequiredKey, _>(&books::title, &users::uid);
/// ```
pub const fn foreign_key<K: Expression, Presence, P: Expression>(_: &K, _: &P)
where
    K::SqlType: ForeignKeyType<Presence, P::SqlType>,
{
}

/// Holds when the table `C` is joined to the table `P`.
///
/// ```
/// use recto_persistence::{relation::check::joined, schema::{books, users}};
///
/// joined(&books::table, &users::table);
/// ```
///
/// ```compile_fail,E0277
/// # use recto_persistence::{relation::check::joined, schema::{reviews, tags}};
/// joined(&reviews::table, &tags::table);
/// ```
pub const fn joined<C: Joined<P>, P>(_: &C, _: &P) {}

/// Holds when `T` is keyed by the pair.
///
/// ```
/// use recto_persistence::{relation::check::link, schema::book_tags};
///
/// link(&book_tags::table, &book_tags::book_id, &book_tags::tag_id);
/// ```
///
/// ```compile_fail,E0277
/// # use recto_persistence::{relation::check::link, schema::reviews};
/// link(&reviews::table, &reviews::user_uid, &reviews::book_uid);
/// ```
pub const fn link<T: Table, A, B>(_: &T, _: &A, _: &B)
where
    T::PrimaryKey: PairOf<A, B>,
{
}

/// Holds when a column can hold the place of a link among others.
///
/// ```
/// use recto_persistence::{relation::check::place, schema::book_contributors};
///
/// place(&book_contributors::position);
/// ```
pub const fn place<C: Expression<SqlType = Integer>>(_: &C) {}

/// Holds when links are mapped to be ordered by the column that the relation declares.
///
/// ```
/// use recto_domain::{BookContributors, relation::Relation};
/// use recto_persistence::relation::check::ordered;
///
/// const _: () = ordered(BookContributors::INFO, &["position"]);
/// ```
///
/// ```compile_fail,E0080
/// # use recto_domain::{BookContributors, relation::Relation};
/// # use recto_persistence::relation::check::ordered;
/// const _: () = ordered(BookContributors::INFO, &[]);
/// ```
///
/// # Panics
/// When they differ: at compile time, in a constant.
pub const fn ordered(relation: &RelationInfo, columns: &[&str]) {
    match (relation.order, columns) {
        (None, []) => {}
        (Some(field), [column]) if same(field.name.as_bytes(), column.as_bytes()) => {}
        (Some(_), _) => {
            panic!(
                "the relation is declared `many by …`, so its link must be mapped `… by` the same"
            )
        }
        (None, _) => {
            panic!(
                "the link is mapped `… by …`, so the relation must be declared `many by` the same"
            )
        }
    }
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    match (a, b) {
        ([], []) => true,
        ([a, a_rest @ ..], [b, b_rest @ ..]) => *a == *b && same(a_rest, b_rest),
        _ => false,
    }
}
