//! What the compiler demands of the schema before it believes a relation.
//!
//! Diesel's own `#[derive(Associations)]` accepts a key of any type and never
//! looks at `joinable!`. What is demanded here are bounds on associated types,
//! for then the compiler points at the column of the mapping that breaks one,
//! and not at all mappings together.

use diesel::expression::Expression;
use diesel::query_source::{Column, JoinTo, QuerySource, Table};
use diesel::sql_types::{BigInt, Integer, Nullable};
use recto_relations::{One, Optional, RelationInfo};

use crate::sql_types::Uid;

/// The SQL type of a column that can store a relation: that of the parent's
/// key, and nullable exactly if the relation is optional.
#[diagnostic::on_unimplemented(
    message = "a column of type `{Self}` cannot be the foreign key of this relation",
    label = "this column has the wrong type, or may be empty where the relation may not (or the reverse)",
    note = "the key it points at has the type `{Key}`; a relation `one(…)` needs a column of just that type, a relation `optional(…)` one of `Nullable<{Key}>`"
)]
pub trait ForeignKeyType<Kind, Key> {}

/// The types that keys have. They are listed, for of a single implementation
/// for all of them the compiler would only say that two types differ.
macro_rules! key_types {
    ($($key:ty),+) => {$(
        impl ForeignKeyType<Optional, $key> for Nullable<$key> {}
        impl ForeignKeyType<One, $key> for $key {}
    )+};
}

key_types!(Uid, Integer, BigInt);

/// A table that `joinable!` joins to its parent's.
#[diagnostic::on_unimplemented(
    message = "`{Self}` and `{Parent}` are not joinable",
    label = "`joinable!` is missing for the table of this column",
    note = "declare `joinable!(child -> parent (foreign_key));` beside the tables"
)]
pub trait Joined<Parent> {}

// Else the compiler lists all that Diesel can join instead of saying this.
#[diagnostic::do_not_recommend]
impl<C: QuerySource + JoinTo<P>, P: QuerySource> Joined<P> for C {}

/// A primary key that is the pair of the foreign keys of a link table.
#[diagnostic::on_unimplemented(
    message = "a table keyed by `{Self}` is not a link table",
    label = "the primary key of this table is not the pair of its two foreign keys, in the order of the mapping",
    note = "without the composite primary key the same link could be stored twice"
)]
pub trait PairOf<A, B> {}

impl<A, B> PairOf<A, B> for (A, B) {}

/// A foreign key to another table.
///
/// ```
/// use recto_relations::Optional;
/// use recto_persistence::relation::check::ForeignKey;
/// use recto_persistence::schema::{books, users};
///
/// struct BookUser;
///
/// impl ForeignKey for BookUser {
///     type Kind = Optional;
///     type Parent = users::uid;
///     type Column = books::user_uid;
/// }
/// ```
pub trait ForeignKey {
    /// Whether it may be empty: [`Optional`] or [`One`].
    type Kind;
    /// The key it points at.
    type Parent: Column;
    /// The column.
    type Column: Column<Table: Joined<<Self::Parent as Column>::Table>>
        + Expression<SqlType: ForeignKeyType<Self::Kind, <Self::Parent as Expression>::SqlType>>;
}

/// A foreign key to the table it is in: nothing is joined.
pub trait OwnForeignKey {
    /// Whether it may be empty: [`Optional`] or [`One`].
    type Kind;
    /// The key it points at.
    type Parent: Column;
    /// The column.
    type Column: Column<Table = <Self::Parent as Column>::Table>
        + Expression<SqlType: ForeignKeyType<Self::Kind, <Self::Parent as Expression>::SqlType>>;
}

/// Two foreign keys that are, as a pair, the primary key of their table.
pub trait Link {
    /// The first.
    type First: Column<Table: Table<PrimaryKey: PairOf<Self::First, Self::Second>>>;
    /// The second.
    type Second: Column;
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
/// use recto_domain::BookContributors;
/// use recto_relations::Relation;
/// use recto_persistence::relation::check::ordered;
///
/// const _: () = ordered(BookContributors::INFO, &["position"]);
/// ```
///
/// ```compile_fail,E0080
/// # use recto_domain::BookContributors;
/// use recto_relations::Relation;
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
